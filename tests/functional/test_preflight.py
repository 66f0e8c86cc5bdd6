"""Estimates of the download menu, and the exports that it starts."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auditsaas.exports.asking import at_once
from auditsaas.exports.formats import FORMATS
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Workspace
from tests.support.exporting import row_of
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_member,
    make_workspace,
    sign_in,
)
from tests.support.htmx import PARTIAL

pytestmark = pytest.mark.usefixtures("signed_in_admin")


@pytest.fixture
def workspace() -> Workspace:
    made = make_workspace()
    moments = [f"2026-0{month}-{day:02}T12:00:00Z" for month in (3, 5) for day in range(1, 11)]
    append_events(made, [event_input(occurred_at=moment) for moment in moments])
    return made


@pytest.fixture
def small_pdf(app: Flask) -> Iterator[None]:
    """An installation whose PDFs hold 12 rows."""
    settings = app.extensions["settings"]
    app.extensions["settings"] = replace(settings, pdf_rows=12)
    yield
    app.extensions["settings"] = settings


def menu(client: FlaskClient, workspace: Workspace, query: str = "") -> TestResponse:
    return client.get(f"/w/{workspace.slug}/exports/preflight?{query}", headers=PARTIAL)


def ask(client: FlaskClient, workspace: Workspace, **form: object) -> TestResponse:
    form["csrf_token"] = csrf_token(client)
    return client.post(f"/w/{workspace.slug}/exports", data=form)


def ids(client: FlaskClient, workspace: Workspace) -> list[str]:
    return re.findall(r'data-export-id="([^"]+)"', client.get(f"/w/{workspace.slug}/exports").text)


def test_menu_shows_event_count_and_size_of_each_format(
    client: FlaskClient, workspace: Workspace
) -> None:
    text = menu(client, workspace, "activity=invoice.*").text
    assert re.search(r"<b[^>]*>20 events</b> match the filters", text)
    assert re.findall(r'data-format="(\w+)"', text) == list(FORMATS)
    assert "about 2 pages" in text
    assert all(int(size) > 500 for size in re.findall(r'data-bytes="(\d+)"', text))


def test_preflight_of_one_format_estimates_it_alone(
    client: FlaskClient, workspace: Workspace
) -> None:
    text = menu(client, workspace, "format=xlsx&status=error").text
    assert re.findall(r'data-format="(\w+)"', text) == ["xlsx"]
    assert "0 events" in text


def test_menu_says_which_files_come_at_once(
    client: FlaskClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = re.findall(r'data-format="(\w+)"[^>]+data-at-once', menu(client, workspace).text)
    assert found == ["csv", "jsonl"]
    assert menu(client, workspace).text.count(", at once") == 2
    monkeypatch.setattr(at_once, "ROWS", 5)
    assert "at-once" not in menu(client, workspace).text


@pytest.mark.parametrize("query", ["format=docx", "status=maybe", "workspace=elsewhere"])
def test_invalid_preflight_is_refused(
    client: FlaskClient, workspace: Workspace, query: str
) -> None:
    assert menu(client, workspace, query).status_code == 422


@pytest.mark.usefixtures("small_pdf")
def test_oversized_pdf_is_refused_up_front_with_alternatives(
    client: FlaskClient, workspace: Workspace
) -> None:
    text = menu(client, workspace, "activity=invoice.*").text
    assert "A PDF holds 12 rows; this filter matches 20. Choose CSV, or one file a month." in text
    assert 'name="monthly" value="pdf"' in text
    refused = ask(client, workspace, format="pdf", activity="invoice.*")
    assert refused.status_code == 422
    assert "this filter matches 20" in refused.text
    assert ids(client, workspace) == []


@pytest.mark.usefixtures("small_pdf")
def test_monthly_files_contain_each_event_once(
    app: Flask, client: FlaskClient, workspace: Workspace
) -> None:
    assert ask(client, workspace, monthly="pdf", activity="invoice.*").status_code == 303
    made = [row_of(app, export_id) for export_id in ids(client, workspace)]  # type: ignore[arg-type]
    assert [row.rows_total for row in made] == [10, 10]
    assert {row.format for row in made} == {"pdf"}
    spans = sorted((row.starts_at, row.ends_at) for row in made)
    assert spans[0][1] <= spans[1][0]


def test_columns_and_packing_are_chosen_in_the_menu(
    app: Flask, client: FlaskClient, workspace: Workspace
) -> None:
    page = client.get(f"/w/{workspace.slug}/audit-logs").text
    assert 'name="columns" value="user_email"' in page
    form = {"format": "csv", "columns": ["seq", "activity"], "gzip": "1"}
    packed = ask(client, workspace, **form)
    assert gzip.decompress(packed.data).startswith(b"\xef\xbb\xbfseq,activity\r\n")
    row = row_of(app, ids(client, workspace)[0])  # type: ignore[arg-type]
    assert (row.columns, row.gzip) == (["seq", "activity"], True)
    assert ask(client, workspace, format="csv", columns="colour").status_code == 422
    assert ask(client, workspace, format="pdf", gzip="1").status_code == 422


def test_preflight_is_refused_to_a_member(app: Flask, workspace: Workspace) -> None:
    member = app.test_client()
    sign_in(member, make_member(workspace, Role.MEMBER))
    assert menu(member, workspace).status_code == 403
