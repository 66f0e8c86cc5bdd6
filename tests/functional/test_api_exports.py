"""Exports asked for with a key."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from auditsaas.api.models import ExportJob
from auditsaas.events.models import events
from auditsaas.jobs.runner import run
from auditsaas.permissions import ApiScope
from auditsaas.storage.address import storage_at
from auditsaas.workspaces.models import Workspace
from tests.support.exporting import ask as ask_as_person
from tests.support.exporting import cells, row_of
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_api_key,
    make_member,
    make_workspace,
    scoped,
    sign_in,
)


@pytest.fixture
def key(acme: Workspace) -> str:
    return make_api_key(acme, {ApiScope.EXPORTS, ApiScope.EVENTS_READ})


def ask(client: FlaskClient, key: str, body: Any) -> TestResponse:
    return client.post("/api/v1/exports", json=body, headers=bearer(key))


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def built(app: Flask, export_id: str) -> None:
    from uuid import UUID

    from auditsaas.exports.building.build import export_job

    with app.app_context():
        run(export_job(storage_at(app.extensions["settings"].storage_url)), UUID(export_id))


def recorded(workspace: Workspace) -> Iterator[tuple[str, str, int | None]]:
    with scoped(workspace.id) as session:
        rows = session.execute(
            select(events.c.activity, events.c.actor_name, events.c.status_code)
            .where(events.c.activity.startswith("export."))
            .order_by(events.c.seq)
        )
        yield from (tuple(row) for row in rows)


def test_export_is_requested_polled_and_downloaded(
    app: Flask, client: FlaskClient, acme: Workspace, key: str
) -> None:
    append_events(acme, [event_input(path="/1"), event_input(path="/2", status="error")])
    asked = ask(client, key, {"format": "csv", "query": "status=error"})
    assert asked.status_code == 202, asked.text
    job = msgspec.json.decode(asked.data, type=ExportJob)
    assert (job.state, job.rows_total, job.query) == ("queued", 1, "status=error")
    built(app, str(job.id))

    watched = client.get(asked.headers["Location"], headers=bearer(key))
    done = msgspec.json.decode(watched.data, type=ExportJob)
    assert (done.state, done.rows_done) == ("ready", 1)
    assert done.download_url is not None

    file = client.get(done.download_url, headers=bearer(key))
    assert file.status_code == 200
    assert [row["path"] for row in cells(file.data)] == ["/2"]
    assert hashlib.sha256(file.data).hexdigest() == done.sha256
    assert list(recorded(acme)) == [
        ("export.requested", "Test key", 202),
        ("export.completed", "Test key", None),
        ("export.downloaded", "Test key", 200),
    ]


def test_filter_may_be_a_json_object(
    app: Flask, client: FlaskClient, acme: Workspace, key: str
) -> None:
    body = {"format": "csv", "query": {"activity": ["user.*", "invoice.update"], "q": "x"}}
    answer = ask(client, key, body)
    assert answer.status_code == 202
    assert answer.json is not None
    assert answer.json["query"] == "activity=user.%2A&activity=invoice.update&q=x"


BAD: list[tuple[str, Any, int, str | None]] = [
    ("no format", {"query": ""}, 422, "format"),
    ("unknown format", {"format": "docx"}, 422, "format"),
    ("unknown field", {"format": "csv", "colour": 1}, 422, "colour"),
    ("wrong type", {"format": "csv", "query": 1}, 422, "query"),
    ("not a query string", {"format": "csv", "query": "status"}, 422, "query"),
    ("bad bytes", {"format": "csv", "query": "q=%ff"}, 422, "query"),
    ("NUL", {"format": "csv", "query": "q=\x00"}, 422, "query"),
    ("bad filter", {"format": "csv", "query": "status=broken"}, 422, "status"),
    ("unknown parameter", {"format": "csv", "query": "colour=red"}, 422, "colour"),
    ("another workspace", {"format": "csv", "query": "workspace=zzz"}, 422, "workspace"),
    ("list", [], 422, ""),
]


@pytest.mark.parametrize(("body", "status", "field"), [c[1:] for c in BAD], ids=[c[0] for c in BAD])
def test_invalid_export_request_names_the_field(
    client: FlaskClient, key: str, body: Any, status: int, field: str
) -> None:
    answer = ask(client, key, body)
    assert answer.status_code == status, answer.text
    assert answer.json is not None
    assert [error["field"] for error in answer.json["errors"]] == [field]


def test_an_unfinished_export_has_no_file(client: FlaskClient, key: str) -> None:
    asked = ask(client, key, {"format": "csv"})
    assert asked.json is not None
    address = f"/api/v1/exports/{asked.json['id']}"
    assert client.get(f"{address}/download", headers=bearer(key)).status_code == 409


def test_key_sees_only_exports_of_its_own_workspace(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    asked = ask(client, key, {"format": "csv"})
    assert asked.json is not None
    address = f"/api/v1/exports/{asked.json['id']}"
    stranger = make_api_key(make_workspace())
    for path in (address, f"{address}/download", f"/api/v1/exports/{uuid4()}"):
        assert client.get(path, headers=bearer(stranger)).status_code == 404


@pytest.mark.parametrize("scope", [ApiScope.EXPORTS, ApiScope.EVENTS_READ])
def test_key_needs_both_scopes_to_ask_for_an_export_and_download_it(
    app: Flask, client: FlaskClient, acme: Workspace, key: str, scope: ApiScope
) -> None:
    asked = ask(client, key, {"format": "csv"})
    assert asked.json is not None
    built(app, asked.json["id"])
    poor = make_api_key(acme, {scope})
    missing = ({ApiScope.EXPORTS, ApiScope.EVENTS_READ} - {scope}).pop()
    refused = [ask(client, poor, {"format": "csv"})]
    for path in ("", "/download"):
        address = f"/api/v1/exports/{asked.json['id']}{path}"
        refused.append(client.get(address, headers=bearer(poor)))
    assert [answer.status_code for answer in refused] == [403] * 3
    assert all(f"the scope {missing}." in answer.text for answer in refused)


def test_key_opens_exports_of_keys_and_none_of_a_person(
    app: Flask, client: FlaskClient, acme: Workspace, key: str
) -> None:
    asked = ask(client, make_api_key(acme), {"format": "csv"})
    assert asked.json is not None
    of_person = str(ask_as_person(make_member(acme), [acme]))
    for export_id in (asked.json["id"], of_person):
        built(app, export_id)
    for path in ("", "/download"):
        answers = [
            client.get(f"/api/v1/exports/{one}{path}", headers=bearer(key)).status_code
            for one in (asked.json["id"], of_person)
        ]
        assert answers == [200, 404]


def test_members_see_exports_requested_by_an_api_key(
    app: Flask, client: FlaskClient, acme: Workspace, key: str
) -> None:
    asked = ask(client, key, {"format": "csv"})
    assert asked.json is not None
    admin = make_member(acme)
    sign_in(client, admin)
    page = client.get(f"/w/{acme.slug}/exports")
    assert page.status_code == 200
    assert asked.json["id"] in page.text
    assert "Test key" in page.text
    cancelled = client.post(
        f"/w/{acme.slug}/exports/{asked.json['id']}/cancel", data={"csrf_token": csrf_token(client)}
    )
    assert cancelled.status_code == 303
    assert row_of(app, asked.json["id"]).state == "cancelled"
