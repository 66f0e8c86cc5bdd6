"""Small files of CSV and JSONL: the answer to the form that asks for them, recorded as others."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from auditsaas.accounts.models import User
from auditsaas.events.models import events
from auditsaas.exports.asking import at_once
from auditsaas.exports.building import build
from auditsaas.exports.building.build import export_job
from auditsaas.exports.building.opening import opened_source
from auditsaas.exports.columns import TITLES
from auditsaas.jobs.runner import run
from auditsaas.storage.address import storage_at
from auditsaas.storage.base import StorageFull
from auditsaas.storage.local import LocalUpload
from auditsaas.workspaces.models import Workspace
from tests.support.exporting import cells, ids_on_the_page, parsed_filter, row_of
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_user,
    make_workspace,
    say_why,
    scoped,
)
from tests.support.htmx import PARTIAL

pytestmark = pytest.mark.usefixtures("signed_in_admin")

ROWS = 30


@pytest.fixture
def workspace() -> Workspace:
    made = make_workspace()
    statuses = ["success", "error"]
    append_events(made, [event_input(status=statuses[n % 2]) for n in range(ROWS)])
    return made


def ask(client: FlaskClient, place: str, **form: Any) -> TestResponse:
    headers = form.pop("headers", None)
    fields = {"csrf_token": csrf_token(client), "format": "csv", **form}
    return client.post(f"{place}/exports", data=fields, headers=headers)


def newest(client: FlaskClient, place: str) -> UUID:
    found = re.search(r'data-export-id="([^"]+)"', client.get(f"{place}/exports").text)
    assert found
    return UUID(found[1])


def recorded(workspace: Workspace, export_id: UUID) -> list[Any]:
    """The events about an export, in the order of the log."""
    with scoped(workspace.id) as session:
        found = session.execute(
            select(events)
            .where(events.c.workspace_id == workspace.id, events.c.activity.like("export.%"))
            .order_by(events.c.seq)
        )
        return [row for row in found if row.targets[0]["id"] == str(export_id)]


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_small_file_is_the_answer_to_its_form(
    app: Flask, client: FlaskClient, workspace: Workspace, format: str
) -> None:
    place = f"/w/{workspace.slug}"
    wanted = ids_on_the_page([workspace], parsed_filter({"status": "error"}))
    answer = ask(client, place, format=format, status="error")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith(
        f'attachment; filename="{workspace.slug}_'
    )
    lines = cells(answer.data) if format == "csv" else map(json.loads, answer.data.splitlines())
    assert [row["event_id" if format == "csv" else "id"] for row in lines] == wanted
    row = row_of(app, newest(client, place))
    assert (row.state, row.rows_done, row.bytes) == ("ready", len(wanted), len(answer.data))
    assert row.sha256 == hashlib.sha256(answer.data).hexdigest()


def test_file_can_be_fetched_again_where_its_answer_says(
    client: FlaskClient, workspace: Workspace
) -> None:
    answer = ask(client, f"/w/{workspace.slug}")
    again = client.get(answer.headers["Content-Location"])
    assert again.data == answer.data
    assert again.headers["ETag"] == answer.headers["ETag"]


def test_events_of_a_file_at_once_are_those_of_one_from_a_worker(
    app: Flask, client: FlaskClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"/w/{workspace.slug}"
    ask(client, place, activity="invoice.update")
    here = newest(client, place)
    monkeypatch.setattr(at_once, "ROWS", -1)
    ask(client, place, activity="invoice.update")
    there = newest(client, place)
    with app.app_context():
        run(export_job(storage_at(app.extensions["settings"].storage_url)), there)
    client.get(f"{place}/exports/{there}/download")
    assert here != there
    assert told(workspace, here) == told(workspace, there)


def told(workspace: Workspace, export_id: UUID) -> list[Any]:
    """What the log says of an export, without what differs between any two."""
    varies = {"bytes", "sha256", "request_id"}
    return [
        (
            row.activity,
            row.status,
            row.actor_id,
            row.actor_role,
            row.source,
            sorted(row.metadata),
            {key: value for key, value in row.metadata.items() if key not in varies},
        )
        for row in recorded(workspace, export_id)
    ]


@pytest.mark.parametrize(("most", "status"), [(ROWS, 200), (ROWS - 1, 303)])
def test_file_of_more_rows_is_built_in_the_background(
    app: Flask,
    client: FlaskClient,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    status: int,
) -> None:
    monkeypatch.setattr(at_once, "ROWS", most)
    place = f"/w/{workspace.slug}"
    assert ask(client, place, activity="invoice.*").status_code == status
    assert row_of(app, newest(client, place)).state == ("ready" if status == 200 else "queued")


def test_ten_thousand_rows_are_the_most() -> None:
    assert at_once.ROWS == 10_000


@pytest.mark.parametrize(
    "form", [{"format": "pdf"}, {"format": "xlsx"}, {"format": "parquet"}, {"monthly": "csv"}]
)
def test_other_files_are_built_in_the_background(
    client: FlaskClient, workspace: Workspace, form: dict[str, str]
) -> None:
    assert ask(client, f"/w/{workspace.slug}", **form).status_code == 303


def test_words_that_are_walked_for_are_at_once_where_the_walk_ends(
    client: FlaskClient, workspace: Workspace
) -> None:
    append_events(workspace, [event_input(path="/invoices/Rarität")])
    answer = ask(client, f"/w/{workspace.slug}", q="rarität")
    assert [row["path"] for row in cells(answer.data)] == ["/invoices/Rarität"]


def test_events_that_come_after_the_question_are_in_no_file(
    client: FlaskClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*args: Any) -> Any:
        append_events(workspace, [event_input(activity="too.late")])
        return opened_source(*args)

    monkeypatch.setattr(build, "opened_source", late)
    rows = cells(ask(client, f"/w/{workspace.slug}").data)
    assert len(rows) >= ROWS
    assert "too.late" not in {row["activity"] for row in rows}


def test_htmx_is_told_where_the_file_is_and_fetches_it(
    client: FlaskClient, workspace: Workspace
) -> None:
    answer = ask(client, f"/w/{workspace.slug}", headers=PARTIAL)
    address = json.loads(answer.headers["HX-Trigger"])["file-ready"]["address"]
    assert "Export ready" in answer.text
    assert "hx-trigger" not in answer.text
    assert len(cells(client.get(address).data)) >= ROWS


def test_person_who_has_the_file_is_not_told_of_it(
    client: FlaskClient, workspace: Workspace
) -> None:
    ask(client, f"/w/{workspace.slug}")
    assert "unread" not in client.get("/notifications/count", headers=PARTIAL).text


def test_file_that_takes_too_long_is_left_to_a_worker(
    app: Flask, client: FlaskClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "AT_ONCE", -build.AT_ONCE)
    place = f"/w/{workspace.slug}"
    assert ask(client, place).location == f"{place}/exports"
    export_id = newest(client, place)
    assert row_of(app, export_id).attempts == 0
    with app.app_context():
        run(export_job(storage_at(app.extensions["settings"].storage_url)), export_id)
    assert row_of(app, export_id).state == "ready"
    assert "unread" in client.get("/notifications/count", headers=PARTIAL).text


def test_full_storage_ends_the_export_in_words(
    client: FlaskClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise StorageFull("Storage is full. Nothing was kept.")

    monkeypatch.setattr(LocalUpload, "_send", full)
    place = f"/w/{workspace.slug}"
    assert ask(client, place).status_code == 303
    assert "Storage is full. Nothing was kept." in client.get(f"{place}/exports").text


def test_super_admin_gets_a_small_file_at_once(
    app: Flask, browser: Callable[[User], FlaskClient], workspace: Workspace
) -> None:
    client = browser(make_user(is_super_admin=True))
    say_why(client)
    wanted = {"workspace": workspace.slug, "activity": "invoice.update"}
    rows = cells(ask(client, "/admin", **wanted).data)
    assert [row["event_id"] for row in rows] == ids_on_the_page([workspace], parsed_filter(wanted))
    assert row_of(app, newest(client, "/admin")).through_platform
    activities = {row.activity for row in recorded(workspace, newest(client, "/admin"))}
    assert activities == {"export.requested", "export.completed", "export.downloaded"}


def test_file_at_once_holds_no_other_workspace(client: FlaskClient, workspace: Workspace) -> None:
    other = make_workspace()
    append_events(other, [event_input(path="/elsewhere")])
    for place in ("", f"/w/{workspace.slug}"):
        rows = cells(ask(client, place).data)
        assert {row["workspace"] for row in rows} == {workspace.slug}
    assert ask(client, f"/w/{other.slug}").status_code == 404


def header(answer: TestResponse) -> list[str]:
    """The columns of a CSV."""
    assert answer.status_code == 200, answer.text
    return answer.data.decode("utf-8-sig").split("\r\n", 1)[0].split(",")


def test_file_holds_hidden_columns_unless_it_is_asked_for_as_shown(
    client: FlaskClient, workspace: Workspace
) -> None:
    place = f"/w/{workspace.slug}"
    shown = ["response", "status", "user", "created_at"]
    table = {"csrf_token": csrf_token(client), "columns": shown, "density": "comfortable"}
    assert client.post("/account/table", data=table).status_code in {204, 302, 303}
    assert len(header(ask(client, place))) == len(TITLES)
    assert header(ask(client, place, as_shown="1")) == [
        *("activity", "method", "targets", "duration_ms", "status", "status_code"),
        *("user_name", "user_email", "created_at"),
    ]
    ticked = ask(client, place, as_shown="1", columns=["seq", "path"])
    assert header(ticked) == ["seq", "path"]
    assert ask(client, place, as_shown="1", format="jsonl").status_code == 200


def test_download_names_columns_by_their_titles(client: FlaskClient, workspace: Workspace) -> None:
    page = client.get(f"/w/{workspace.slug}/audit-logs").text
    boxes = re.findall(r'name="columns"\s+value="(\w+)"\s*>\s*<span[^>]*>([^<]+)<', page)
    assert set(TITLES.items()) <= set(boxes)
