"""Where an event came from: stated by the server, whatever the sender says."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from auditsaas.accounts.models import User
from auditsaas.events.models import events
from auditsaas.imports.run import import_job
from auditsaas.jobs.runner import run
from auditsaas.storage.address import storage_at
from auditsaas.workspaces.models import ApiKey, Workspace
from tests.support import importing
from tests.support.exporting import ask, build_in, parsed_filter
from tests.support.factories import append_events, event_input, scoped

INVOICES = parsed_filter({"activity": "invoice.*"})


def post(client: FlaskClient, key: str, body: Any, query: str = "") -> Any:
    headers = {"Authorization": f"Bearer {key}"}
    return client.post(f"/api/v1/events{query}", json=body, headers=headers)


def stored(client: FlaskClient, key: str) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/events", headers={"Authorization": f"Bearer {key}"})
    assert answer.json is not None
    found: list[dict[str, Any]] = answer.json["data"]
    return found


def sources(workspace: Workspace, activity: str = "invoice.update") -> set[str | None]:
    with scoped(workspace.id) as session:
        found = select(events.c.source).where(
            events.c.workspace_id == workspace.id, events.c.activity == activity
        )
        return set(session.scalars(found))


def key_id(workspace: Workspace) -> str:
    with scoped(workspace.id) as session:
        return str(session.scalars(select(ApiKey.id)).one())


def test_event_of_the_api_names_its_key(client: FlaskClient, acme: Workspace, key: str) -> None:
    assert post(client, key, event_input()).status_code == 201
    [event] = stored(client, key)
    assert event["source"] == f"api:{key_id(acme)}"
    assert list(event)[-1] == "source"


@pytest.mark.parametrize("source", ["product", "cli", "", None, ["product"]])
def test_event_that_states_its_own_source_is_refused(
    client: FlaskClient, acme: Workspace, key: str, source: Any
) -> None:
    answer = post(client, key, [event_input(source=source), event_input()])
    [refused] = answer.json["rejected"]
    assert (refused["index"], refused["errors"][0]["field"]) == (0, "source")
    assert sources(acme) == {f"api:{key_id(acme)}"}


def test_unknown_field_that_is_kept_leaves_the_source_alone(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    post(client, key, event_input(source="product"), "?unknown=metadata")
    [event] = stored(client, key)
    assert event["metadata"] == {"source": "product"}
    assert event["source"] == f"api:{key_id(acme)}"


def test_file_of_the_command_line_is_of_the_command_line(acme: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    event = event_input(occurred_at="2026-11-16T08:00:00Z", source="product")
    file.write_text(json.dumps(event))
    assert importing.counts(importing.run(acme, file)) == (1, 0, 0, 0)
    assert sources(acme) == {"cli"}


def test_uploaded_file_names_its_import(app: Flask, workspace: Workspace, admin: User) -> None:
    event = event_input(occurred_at="2026-11-16T08:00:00Z", source="product")
    asked = importing.ask_for_import(app, admin, workspace, json.dumps(event).encode())
    storage = storage_at(app.extensions["settings"].storage_url)
    with app.app_context():
        run(import_job(storage), asked)
    assert sources(workspace) == {f"import:{asked}"}


def test_product_records_its_own_part_of_an_import(acme: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(event_input(occurred_at="2026-11-16T08:00:00Z")))
    importing.run(acme, file)
    assert sources(acme, "log.import") == {"product"}


def test_source_is_the_last_column_of_a_table(
    app: Flask, tmp_path: Path, workspace: Workspace, admin: User
) -> None:
    append_events(workspace, [event_input()])
    export = build_in(app, ask(admin, [workspace], INVOICES, format="csv"), tmp_path)
    text = (tmp_path / export.file_key).read_text("utf-8-sig")
    header, row = csv.reader(io.StringIO(text))
    assert (header[-1], row[-1]) == ("source", "cli")
