"""The same events in every format."""

from __future__ import annotations

import gzip
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from auditsaas.accounts.models import User
from auditsaas.errors import InvalidFields
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.reading import pages
from auditsaas.events.stored import stored_event
from auditsaas.exports.columns import COLUMNS
from auditsaas.exports.formats import FORMATS, Options, format_called, options
from auditsaas.exports.writers.sheet_rows import LONGEST_TEXT, fitted
from auditsaas.workspaces.models import Workspace
from tests.support.cases import cases
from tests.support.exporting import ask, build_in, cells, parsed_filter
from tests.support.factories import append_events, event_input, make_member, make_workspace, scoped

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
INVOICES = parsed_filter({"activity": "invoice.*"})
HOSTILE = [
    "=1+1",
    "@SUM(A1)",
    "{=1}",
    "http://example.com/",
    "mailto:a@example.com",
    "internal:Sheet2!A1",
    "<r><t>x</t></r>",
    "<r></worksheet></r>",
    "_x0041_",
    "\x01\x1b\x7f\x85\u2028\u202e",
    "\ufffe\uffff",
    " lead and trail ",
    "tab\tand\nline\r\nends",
    'quotes " and \\ and \\N and \\.',
    "日本語 \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "0123",
    "TRUE",
    "",
]


@pytest.fixture
def exported(app: Flask, tmp_path: Path, workspace: Workspace, admin: User) -> Any:
    def made(format: str, zone: ZoneInfo = NEW_YORK, **chosen: Any) -> bytes:
        export_id = ask(
            admin, [workspace], INVOICES, zone, format=format, options=Options(**chosen)
        )
        export = build_in(app, export_id, tmp_path)
        assert export.state == "ready", export.error
        return (tmp_path / export.file_key).read_bytes()

    return made


def api_events(workspace: Workspace, event_filter: EventFilter = INVOICES) -> list[bytes]:
    """The lines that the API's own encoder makes of the log."""
    with scoped(workspace.id) as session:
        page = pages.page(session, [workspace.id], event_filter, limit=1000)
        return [msgspec.json.encode(stored_event(row, workspace.slug)) for row in page.rows]


def sheet(content: bytes, name: str = "Events") -> list[tuple[Any, ...]]:
    book = openpyxl.load_workbook(io.BytesIO(content))
    return [tuple(cell.value for cell in row) for row in book[name].iter_rows()]


def table(content: bytes) -> pa.Table:
    return pq.read_table(io.BytesIO(content))


def hostile_events() -> list[dict[str, Any]]:
    return [
        event_input(actor={"id": "u_1", "name": text}, user_agent=text) for text in HOSTILE if text
    ]


# JSON values


def values() -> st.SearchStrategy[Any]:
    text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
    numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
    leaves = st.none() | st.booleans() | numbers | text
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
        max_leaves=8,
    )


def sent_events() -> st.SearchStrategy[dict[str, Any]]:
    text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=40)
    moments = st.integers(0, 1_780_000_000_000_000)
    return st.builds(
        event_input,
        occurred_at=moments.map(lambda us: (EPOCH + timedelta(microseconds=us)).isoformat()),
        actor=st.fixed_dictionaries(
            {"id": text}, optional={"name": text, "email": text, "role": text}
        ),
        duration_ms=st.none()
        | st.floats(0, 86_400_000, allow_subnormal=False)
        | st.floats(0, 1e-3)
        | st.integers(0, 86_400_000),
        user_agent=st.none() | text,
        path=st.none() | text,
        ip=st.none() | st.ip_addresses().map(str),
        targets=st.none() | st.lists(st.just({"type": "t", "id": "1"}), max_size=2),
        changes=st.none() | st.dictionaries(text, st.lists(values(), min_size=2, max_size=2)),
        metadata=st.none() | st.dictionaries(text, values(), max_size=3),
    )


@pytest.mark.slow
@hypothesis_settings(max_examples=cases(8))
@given(sent=st.lists(sent_events(), min_size=1, max_size=20))
def test_jsonl_is_the_event_of_the_api_byte_for_byte(
    app: Flask, tmp_path: Path, sent: list[dict[str, Any]]
) -> None:
    workspace = make_workspace()
    admin = make_member(workspace)
    append_events(workspace, [{k: v for k, v in event.items() if v is not None} for event in sent])
    export = build_in(app, ask(admin, [workspace], INVOICES, format="jsonl"), tmp_path)
    assert export.state == "ready"
    content = (tmp_path / export.file_key).read_bytes()
    assert content == b"".join(line + b"\n" for line in api_events(workspace))


@pytest.mark.parametrize("format", [key for key, made in FORMATS.items() if made.gzip])
def test_gzip_file_contains_the_plain_file(
    exported: Any, workspace: Workspace, format: str
) -> None:
    append_events(workspace, [event_input() for _ in range(50)])
    assert gzip.decompress(exported(format, gzip=True)) == exported(format)


def test_a_sheet_has_typed_cells(exported: Any, workspace: Workspace) -> None:
    moment = "2026-07-04T05:06:07.891Z"
    append_events(workspace, [event_input(occurred_at=moment, duration_ms=84.5)])
    header, row = sheet(exported("xlsx"))
    assert header == COLUMNS
    cell = dict(zip(header, row, strict=True))
    assert cell["created_at"].isoformat() == "2026-07-04T01:06:07.891000"
    assert (cell["status_code"], cell["duration_ms"], cell["seq"]) == (200, 84.5, 1)
    assert (cell["status"], cell["ip_address"]) == ("success", "203.0.113.7")


def test_text_cells_are_never_formulas_or_numbers(exported: Any, workspace: Workspace) -> None:
    append_events(workspace, hostile_events())
    content = exported("xlsx", columns=("user_name", "user_agent"))
    book = openpyxl.load_workbook(io.BytesIO(content))
    rows = list(book["Events"].iter_rows(min_row=2))
    assert {cell.data_type for row in rows for cell in row} <= {"s", "inlineStr"}
    assert [cell.hyperlink for row in rows for cell in row if cell.hyperlink] == []
    # XML has no carriage return of its own; the two that are no characters read as their escape.
    shown = [openpyxl.utils.escape.unescape(str(row[0].value)) for row in rows][::-1]
    assert shown == [text for text in HOSTILE if text]


def test_text_too_long_for_a_cell_is_cut_and_noted(exported: Any, workspace: Workspace) -> None:
    note = "\U0001f600" * 8_000
    append_events(
        workspace,
        [
            event_input(metadata={"note": note[: 2 * LONGEST_TEXT], "more": "x" * 600}),
            event_input(user_agent="y" * 2_000, metadata={"note": "z" * 10_000}),
        ],
    )
    content = exported("xlsx", columns=("user_agent", "metadata"))
    rows = sheet(content)
    assert json.loads(rows[1][1])["note"] == "z" * 10_000
    assert rows[2][1] == json.dumps(
        {"note": note, "more": "x" * 600}, ensure_ascii=False, separators=(",", ":")
    )
    assert not any("Cut cells" in (row[0] or "") for row in sheet(content, "Notes"))


def test_overlong_cell_ends_in_an_ellipsis_without_splitting_a_character() -> None:
    assert fitted("x" * LONGEST_TEXT) == "x" * LONGEST_TEXT
    assert fitted("x" * (LONGEST_TEXT + 1)) == "x" * (LONGEST_TEXT - 1) + "…"
    assert fitted("\U0001f600" * LONGEST_TEXT) == "\U0001f600" * ((LONGEST_TEXT - 1) // 2) + "…"


def test_parquet_has_typed_columns(exported: Any, workspace: Workspace) -> None:
    moment = "2026-07-04T05:06:07.891234Z"
    append_events(workspace, [event_input(occurred_at=moment, duration_ms=84.5)])
    found = table(exported("parquet"))
    assert tuple(found.column_names) == COLUMNS
    assert found.schema.field("created_at").type == pa.timestamp("us", "America/New_York")
    assert found.schema.field("seq").type == pa.int64()
    assert found.schema.field("duration_ms").type == pa.float64()
    row = found.to_pylist()[0]
    assert row["created_at"] == datetime.fromisoformat(moment)
    assert (row["duration_ms"], row["status_code"], row["user_role"]) == (84.5, 200, "admin")
    assert (row["request_id"], row["metadata"]) == (None, None)


def test_texts_in_parquet_come_back_as_they_were_sent(exported: Any, workspace: Workspace) -> None:
    append_events(workspace, hostile_events())
    append_events(workspace, [event_input(metadata={"note": text}) for text in HOSTILE])
    found = table(exported("parquet")).to_pylist()[::-1]
    sent = [text for text in HOSTILE if text]
    assert [row["user_name"] for row in found[: len(sent)]] == sent
    assert [json.loads(row["metadata"])["note"] for row in found[len(sent) :]] == HOSTILE


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_long_cells_are_written_in_every_format(
    exported: Any, workspace: Workspace, format: str
) -> None:
    append_events(workspace, [event_input(metadata={"note": "x" * 10_000}) for _ in range(3)])
    assert exported(format)


@pytest.mark.parametrize("format", [key for key, made in FORMATS.items() if made.columns])
def test_only_the_chosen_columns_are_written_in_their_order(
    exported: Any, workspace: Workspace, format: str
) -> None:
    append_events(workspace, [event_input()])
    content = exported(format, columns=("seq", "activity"))
    if format == "csv":
        assert cells(content) == [{"seq": "1", "activity": "invoice.update"}]
    elif format == "xlsx":
        assert sheet(content) == [("seq", "activity"), (1, "invoice.update")]
    else:
        assert table(content).to_pylist() == [{"seq": 1, "activity": "invoice.update"}]


@pytest.mark.parametrize(
    ("format", "columns", "packed", "named"),
    [
        ("csv", ["colour"], False, "colour"),
        ("csv", ["seq,seq"], False, "seq"),
        ("jsonl", ["seq"], False, "JSONL"),
        ("xlsx", [], True, "gzip"),
        ("parquet", ["=1+1"], False, "=1+1"),
    ],
)
def test_unsupported_options_are_refused_by_name(
    format: str, columns: list[str], packed: bool, named: str
) -> None:
    with pytest.raises(InvalidFields, match=named.replace("+", r"\+")):
        options(format_called(format), columns=columns, gzip=packed)


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_an_empty_period_is_a_file_with_no_rows(
    app: Flask, tmp_path: Path, workspace: Workspace, admin: User, format: str
) -> None:
    nothing = parsed_filter({"activity": "nothing.like.it"})
    export = build_in(app, ask(admin, [workspace], nothing, format=format), tmp_path)
    assert (export.state, export.rows_done) == ("ready", 0)


@pytest.fixture
def two_workspaces(workspace: Workspace, admin: User) -> list[Workspace]:
    second = make_workspace()
    make_member(second, user=admin)
    for number in range(6):
        moment = datetime(2026, 5, 1, 12, number, tzinfo=UTC).isoformat()
        append_events([workspace, second][number % 2], [event_input(occurred_at=moment)])
    return [workspace, second]


@pytest.mark.parametrize("format", ["jsonl", "xlsx", "parquet"])
def test_export_of_several_workspaces_names_the_workspace_in_each_row(
    app: Flask, tmp_path: Path, two_workspaces: list[Workspace], admin: User, format: str
) -> None:
    export = build_in(app, ask(admin, two_workspaces, INVOICES, format=format), tmp_path)
    assert export.state == "ready", export.error
    content = (tmp_path / export.file_key).read_bytes()
    if format == "jsonl":
        found = [json.loads(line)["workspace"] for line in content.splitlines()]
    elif format == "xlsx":
        found = [row[COLUMNS.index("workspace")] for row in sheet(content)[1:]]
    else:
        found = table(content)["workspace"].to_pylist()
    first, second = (workspace.slug for workspace in two_workspaces)
    assert found == [second, first] * 3
