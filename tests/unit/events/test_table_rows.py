"""Rows drawn by stencils are, byte for byte, what their template draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2 import ChoiceLoader, DictLoader

from auditsaas.events.presenter import WorkspaceName, present
from auditsaas.formatting.viewer import Viewer
from auditsaas.pages.account.preferences import COLUMNS
from auditsaas.pages.audit_log import table_rows
from auditsaas.pages.audit_log.table_rows import LogRow, Table, draw, log_row
from tests.support.cases import cases
from tests.support.clocks import ZONES

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ODD = [
    "<script>alert(1)</script>",
    "</td></tr><tr>",
    "\"'&amp;&lt;",
    "100 % of %s, %(id)s, %%, {id} and {{ row.id }}",
    "\ue000label\ue001",
    "\u202eevil\u2066",
    "שלום עולם، مرحبا",
    "👩\u200d🚀 a\u200bb",
    "line\r\nline\ttab\x85\u2028",
    "e\u0301" * 40,
    "x" * 299 + "<b>",
    "long " * 4000,
]
texts = st.sampled_from(ODD) | st.text(st.characters(exclude_characters="\x00"), max_size=40)
maybe = st.none() | st.just("") | texts
named = st.builds(lambda name, identity: {"type": "t", "id": identity, "name": name}, maybe, texts)
durations = st.none() | st.floats(0, 1e9) | st.sampled_from([0.0, 9.95, 299.9, 300, 1000, 3000])
events = st.builds(
    SimpleNamespace,
    id=st.uuids(),
    occurred_at=st.integers(-5_000_000, 500_000_000).map(lambda s: NOW - timedelta(seconds=s)),
    activity=texts | st.sampled_from(["user.login", "invoice.download"]),
    status=st.sampled_from(["success", "error"]),
    actor_id=texts,
    actor_name=maybe,
    actor_email=maybe,
    actor_status=st.sampled_from([None, "active", "disabled"]),
    method=maybe,
    status_code=st.none() | st.integers(100, 599),
    ip=st.none() | st.ip_addresses(),
    user_agent=maybe,
    platform=maybe,
    browser=maybe,
    duration_ms=durations,
    targets=st.none() | st.lists(named, max_size=3),
    source=st.sampled_from([None, "product", "cli", f"api:{UUID(int=1)}", f"import:{UUID(int=2)}"]),
)
names = st.builds(WorkspaceName, st.sampled_from(["acme", "a-b"]), texts)
tables = st.builds(
    Table,
    hidden=st.frozensets(st.sampled_from(sorted(COLUMNS))),
    workspace=st.booleans(),
    tells_unknown_source=st.booleans(),
)
viewers = st.builds(
    Viewer,
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    date_format=st.sampled_from(["MM/DD/YYYY", "DD/MM/YYYY", "YYYY-MM-DD"]),
    clock=st.sampled_from(["24", "12"]),
)
tails = st.sampled_from(["", "?status=error&q=%22a%25%22"])
PLAIN = LogRow(False, False, 0, "1", "/w/acme/audit-logs/1", "Sign in", "user.login", *[""] * 22)


@pytest.fixture(autouse=True)
def _in_app(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def as_template(app: Flask, rows: Sequence[LogRow], table: Table) -> str:
    """The same rows, each drawn by the template itself."""
    template = app.jinja_env.get_template(table_rows.TEMPLATE)
    return "".join(template.render(row=row, table=table) for row in rows)


@settings(max_examples=cases(40))
@given(
    found=st.lists(
        st.tuples(events, names, st.sampled_from([None, "active", "disabled"])), max_size=3
    ),
    table=tables,
    viewer=viewers,
    tail=tails,
)
def test_rows_of_strange_events_are_drawn_as_their_template_draws_them(
    app: Flask,
    found: list[tuple[SimpleNamespace, WorkspaceName, str]],
    table: Table,
    viewer: Viewer,
    tail: str,
) -> None:
    rows = [log_row(present(row, name, now), viewer, NOW, tail) for row, name, now in found]
    assert draw(rows, table) == as_template(app, rows, table)


rows_of_any_text = st.builds(
    LogRow,
    st.booleans(),
    st.booleans(),
    st.integers(0, 4),
    st.uuids().map(str),
    *[st.just("") | texts] * (len(table_rows.TEXTS) - 1),
)


@settings(max_examples=cases(40))
@given(rows=st.lists(rows_of_any_text, max_size=3), table=tables)
@example(rows=[], table=Table())
@example(rows=[PLAIN] * 3, table=Table())
def test_rows_of_any_texts_are_drawn_as_their_template_draws_them(
    app: Flask, rows: list[LogRow], table: Table
) -> None:
    assert draw(rows, table) == as_template(app, rows, table)


def without(row: LogRow, name: str) -> LogRow:
    return LogRow._make("" if field == name else kept for field, kept in row._asdict().items())


def test_row_without_one_of_its_texts_is_drawn_as_its_template_draws_it(app: Flask) -> None:
    full = LogRow(True, True, 3, *(f"<{name}>" for name in table_rows.TEXTS))
    rows = [full, *(without(full, name) for name in table_rows.TEXTS if name != "id")]
    assert draw(rows, Table(workspace=True)) == as_template(app, rows, Table(workspace=True))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("row.label", "row.label|upper"),
        lambda text: text.replace("{% if row.letters %}", "{% if row.letters != 'EST' %}"),
    ],
    ids=["changes a text", "compares a text"],
)
def test_template_that_does_more_with_a_text_is_noticed(
    app: Flask, monkeypatch: pytest.MonkeyPatch, change: Callable[[str], str]
) -> None:
    """The control: what a stencil cannot do differs from the template."""
    loader = app.jinja_env.loader
    assert loader is not None
    source, _, _ = loader.get_source(app.jinja_env, table_rows.TEMPLATE)
    monkeypatch.setattr(
        app.jinja_env,
        "loader",
        ChoiceLoader([DictLoader({"changed.html": change(source)}), loader]),
    )
    monkeypatch.setattr(table_rows, "TEMPLATE", "changed.html")
    table_rows._stencil.cache_clear()
    rows = [PLAIN._replace(letters="EST", label="Sign in")]
    with pytest.raises((AssertionError, ValueError)):
        assert draw(rows, Table()) == as_template(app, rows, Table())
    table_rows._stencil.cache_clear()
