"""Where an event came from: stated by the server, whatever the sender says."""

from __future__ import annotations

import csv
import io
import json
import re
from html import unescape
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from auditsaas import own_actions
from auditsaas.accounts.models import User
from auditsaas.events.event_sources import CLI, PRODUCT, EventSource, of_import, of_key
from auditsaas.events.models import actors, events
from auditsaas.exports import service
from auditsaas.exports.models import Export
from auditsaas.exports.requester import Requester
from auditsaas.imports.run import import_job
from auditsaas.jobs.runner import run
from auditsaas.own_activities import Activity
from auditsaas.storage.address import storage_at
from auditsaas.workspaces.models import ApiKey, Workspace
from tests.support import importing
from tests.support.exporting import ask, build_in, parsed_filter
from tests.support.factories import (
    append_events,
    event_input,
    make_api_key,
    make_workspace,
    scoped,
    sign_in,
    store_unrecorded,
)

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


@pytest.mark.parametrize(
    "activity",
    ["platform.access", "Retention.Apply", "tre\u0435.head", "anchor .made", "\uff45rasure.done"],
)
def test_activity_of_an_own_family_is_refused_from_a_key(
    client: FlaskClient, acme: Workspace, key: str, activity: str
) -> None:
    answer = post(client, key, [event_input(activity=activity)])
    assert answer.status_code == 422
    [error] = answer.json["rejected"][0]["errors"]
    assert error["field"] == "activity"
    assert "the product's own" in error["message"]
    assert stored(client, key) == []


def test_activity_that_the_product_has_too_is_taken_from_a_key(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    """The control of the refusal: applications have people who sign in."""
    assert post(client, key, event_input(activity="user.login")).status_code == 201


def test_activity_of_an_own_family_is_refused_from_a_file(acme: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    event = event_input(occurred_at="2026-11-16T08:00:00Z", activity="platform.access")
    file.write_text(json.dumps(event))
    assert importing.counts(importing.run(acme, file)) == (0, 0, 1, 0)


@pytest.mark.parametrize("file_format", ["jsonl", "csv"])
def test_file_of_the_product_keeps_own_activities_as_a_copy(
    app: Flask, tmp_path: Path, workspace: Workspace, admin: User, file_format: str
) -> None:
    record_access(workspace)
    everything = parsed_filter({"activity": "platform.*"})
    asked = ask(admin, [workspace], everything, format=file_format)
    export = build_in(app, asked, tmp_path)
    other = make_workspace()
    outcome = importing.run(other, tmp_path / export.file_key)
    assert importing.counts(outcome) == (1, 0, 0, 0)
    assert sources(workspace, "platform.access") == {"product"}
    assert sources(other, "platform.access") == {"cli"}


def record_access(workspace: Workspace) -> None:
    with scoped(workspace.id) as session:
        own_actions.record(
            session,
            Activity.PLATFORM_ACCESS,
            workspaces=[workspace.id],
            actor=own_actions.operator("root"),
        )
        session.commit()


def forged(person: User, **fields: Any) -> dict[str, Any]:
    """An event that says that this person did something at an address of their own."""
    actor = {"id": str(person.id), "name": "Forged", "email": person.email, "role": "super-admin"}
    return event_input(actor=actor, ip="203.0.113.66", **fields)


FORGED = (
    "member.role_update",
    "user.login",
    "export.downloaded",
    "workspace.update",
    "api_key.create",
)


def test_key_cannot_write_the_products_own_trail_in_an_admins_name(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    key = make_api_key(workspace)
    batch = [forged(admin, activity=activity) for activity in (*FORGED, "platform.access")]
    assert post(client, key, batch).json["accepted"] == len(FORGED)
    told = {event["activity"]: event["source"] for event in stored(client, key)}
    assert told == dict.fromkeys(FORGED, f"api:{key_id(workspace)}")
    sign_in(client, admin)
    assert "203.0.113.66" not in client.get("/me/activity").text
    assert "203.0.113.66" in client.get(f"/w/{workspace.slug}/audit-logs").text, "the control"


def test_actor_of_the_products_own_people_is_not_what_a_key_says(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    sign_in(client, admin)
    own = own_actions.person(admin.id, name=admin.name, email=admin.email)
    with scoped(workspace.id) as session:
        own_actions.record(
            session, Activity.WORKSPACE_UPDATE, workspaces={workspace.id: "admin"}, actor=own
        )
        session.commit()
    post(client, make_api_key(workspace), forged(admin))
    with scoped(workspace.id) as session:
        known = session.execute(select(actors).where(actors.c.id == str(admin.id))).one()
    assert (known.name, known.role, known.source) == (admin.name, "admin", "product")


def test_forged_download_does_not_hide_the_part_of_a_true_one(
    client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    export_id = ask(admin, [workspace], INVOICES)
    target = [{"type": "export", "id": str(export_id)}]
    download = forged(admin, activity="export.downloaded", targets=target)
    assert post(client, make_api_key(workspace), download).status_code == 201
    requester = Requester(person=admin)
    for _ in range(2):
        with scoped(workspace.id, user=admin.id) as session:
            export = session.get_one(Export, export_id)
            service.record_download(session, export, requester, status_code=206, part="bytes 0-1/9")
            session.commit()
    assert downloads(workspace) == [f"api:{key_id(workspace)}", "product"]


def downloads(workspace: Workspace) -> list[str | None]:
    with scoped(workspace.id) as session:
        found = select(events.c.source).where(events.c.activity == "export.downloaded")
        return list(session.scalars(found.order_by(events.c.seq)))


def source_of(client: FlaskClient, workspace: Workspace, event_id: UUID) -> str:
    """The words of the drawer's section about the source."""
    page = client.get(f"/w/{workspace.slug}/audit-logs/{event_id}")
    assert page.status_code == 200
    section = re.search(
        r'<section aria-labelledby="h-source">(.*?)</section>', page.text, re.DOTALL
    )
    assert section is not None
    return " ".join(re.sub(r"<[^>]+>", " ", section[1]).split())


@pytest.mark.usefixtures("signed_in_admin")
def test_drawer_names_the_key_that_sent_an_event(client: FlaskClient, workspace: Workspace) -> None:
    post(client, make_api_key(workspace), event_input())
    identifier = UUID(key_id(workspace))
    [event] = append_events(workspace, [event_input()], of_key(identifier)).ids
    words = source_of(client, workspace, event)
    assert "Sent by Test key API key" in words
    assert f"Key {identifier}" in words
    assert "Test key states the actor" in words
    page = client.get(f"/w/{workspace.slug}/audit-logs/{event}").text
    [only] = re.findall(r'href="[^"?]*\?(source=[^"]*)"', page)
    found = client.get(f"/w/{workspace.slug}/audit-logs?{unescape(only)}").text
    assert found.count("data-event-id") == 2


@pytest.mark.usefixtures("signed_in_admin")
def test_drawer_names_the_file_and_the_person_of_an_import(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    asked = importing.ask_for_import(app, admin, workspace, b"{}")
    [event] = append_events(workspace, [event_input()], of_import(asked)).ids
    words = source_of(client, workspace, event)
    assert f"Imported by {admin.name} import" in words
    assert "File access.log" in words


@pytest.mark.usefixtures("signed_in_admin")
@pytest.mark.parametrize(
    ("source", "words"),
    [
        (PRODUCT, "Recorded by The product itself"),
        (CLI, "Imported by Command line"),
        (of_key(UUID(int=7)), "Sent by A key no longer kept"),
        (of_import(UUID(int=7)), "Imported by A person no longer kept"),
    ],
)
def test_drawer_tells_the_source_of_an_event(
    client: FlaskClient, workspace: Workspace, source: EventSource, words: str
) -> None:
    [event] = append_events(workspace, [event_input()], source).ids
    assert words in source_of(client, workspace, event)


@pytest.mark.usefixtures("signed_in_admin")
def test_drawer_says_that_an_old_events_source_was_not_recorded(
    client: FlaskClient, workspace: Workspace
) -> None:
    [old] = store_unrecorded(workspace, [event_input()])
    words = source_of(client, workspace, old)
    assert "Source Not recorded" in words
    assert "none is guessed" in words


@pytest.mark.usefixtures("signed_in_admin")
def test_facet_counts_the_kinds_of_sources(client: FlaskClient, workspace: Workspace) -> None:
    for source in (PRODUCT, CLI, CLI, of_key(UUID(int=7)), of_key(UUID(int=8))):
        append_events(workspace, [event_input()], source)
    store_unrecorded(workspace, [event_input()])
    partial = {"HX-Request": "true", "HX-Request-Type": "partial"}
    page = client.get(f"/w/{workspace.slug}/audit-logs/facets", headers=partial).text
    counts = dict(
        re.findall(r'name="source"\s+value="([^"]+)".*?class="c">([\d,]+)<', page, re.DOTALL)
    )
    assert counts == {"product": "1", "api:*": "2", "import:*": "0", "cli": "2", "none": "1"}
