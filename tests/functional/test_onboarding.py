"""A log before its first event: what its admin sees, what each snippet sends, and what is left."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from redis import Redis

from auditsaas.accounts.models import User
from auditsaas.events.event_sources import CLI, PRODUCT, EventSource, of_import
from auditsaas.first_run import refusals
from auditsaas.pages.onboarding import snippets
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support import scheduling
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_api_key,
    make_member,
    scoped,
    sign_in,
)
from tests.support.log_state import stored
from tests.support.serving import WebProcess

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
EVENT = {"activity": "user.login", "status": "success", "actor": {"id": "ann"}}


@pytest.fixture
def by_admin(app: Flask, workspace: Workspace) -> FlaskClient:
    client = app.test_client()
    sign_in(client, make_member(workspace))
    return client


def log(client: FlaskClient, workspace: Workspace, query: str = "") -> str:
    answer = client.get(f"/w/{workspace.slug}/audit-logs{query}")
    assert answer.status_code == 200
    return answer.text


def is_first(page: str) -> bool:
    return 'id="first-event"' in page


def make_key(client: FlaskClient, workspace: Workspace, **fields: str) -> str:
    """Press the button; the page with the key."""
    given = {"csrf_token": csrf_token(client)} | fields
    answer = client.post(f"/w/{workspace.slug}/first-key", data=given)
    assert answer.status_code == 200
    return answer.text


def key_on(page: str) -> str:
    found = re.search(r'value="(aud_\w+)"', page)
    assert found
    return found[1]


def waiting(client: FlaskClient, workspace: Workspace) -> Any:
    return client.get(f"/w/{workspace.slug}/first-event", headers=PARTIAL)


def post(client: FlaskClient, key: str, event: object = EVENT) -> int:
    given = {"Authorization": f"Bearer {key}"}
    return client.post("/api/v1/events", json=event, headers=given).status_code


def test_events_of_the_product_do_not_end_the_wait(
    by_admin: FlaskClient, workspace: Workspace
) -> None:
    append_events(workspace, [event_input(activity="user.login")], PRODUCT)
    assert is_first(log(by_admin, workspace))
    shown = log(by_admin, workspace, "?range=all")
    assert not is_first(shown)
    assert "Sign in" in shown


@pytest.mark.parametrize("source", [CLI, of_import(UUID(int=7)), EventSource("api:7")])
def test_event_of_any_sender_ends_the_wait(
    by_admin: FlaskClient, workspace: Workspace, source: EventSource
) -> None:
    assert waiting(by_admin, workspace).status_code == 200
    append_events(workspace, [event_input()], source)
    answer = waiting(by_admin, workspace)
    assert answer.headers["HX-Redirect"] == f"/w/{workspace.slug}/audit-logs"
    assert not is_first(log(by_admin, workspace))


@pytest.mark.parametrize("query", ["?q=sign", "?range=today", "?status=error"])
def test_address_with_a_filter_shows_the_log(
    by_admin: FlaskClient, workspace: Workspace, query: str
) -> None:
    assert not is_first(log(by_admin, workspace, query))


def test_auditor_meets_the_log_as_it_is(app: Flask, workspace: Workspace) -> None:
    client = app.test_client()
    sign_in(client, make_member(workspace, Role.AUDITOR))
    assert "No events yet" in log(client, workspace)
    assert waiting(client, workspace).status_code == 403
    given = {"csrf_token": csrf_token(client)}
    assert client.post(f"/w/{workspace.slug}/first-key", data=given).status_code == 403


def test_key_is_in_every_snippet_of_its_page_and_on_no_other(
    by_admin: FlaskClient, workspace: Workspace
) -> None:
    page = make_key(by_admin, workspace)
    key = key_on(page)
    texts = re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)
    assert len(texts) == len(snippets.WAYS)
    assert all(key in html.unescape(text) for text in texts)
    assert key not in log(by_admin, workspace)
    reloaded = by_admin.get(f"/w/{workspace.slug}/first-key")
    assert reloaded.location == f"/w/{workspace.slug}/audit-logs"
    assert [event.activity for event in stored(workspace)] == ["api_key.create"]


def test_button_that_is_pressed_twice_makes_one_key(
    by_admin: FlaskClient, workspace: Workspace
) -> None:
    one, other = (key_on(make_key(by_admin, workspace, once="a" * 43)) for _ in range(2))
    assert one == other
    assert [event.activity for event in stored(workspace)] == ["api_key.create"]


@pytest.mark.parametrize(
    ("cut", "event", "status", "words"),
    [
        (20, EVENT, 401, "the key was cut after 20 of 55 characters"),
        (54, EVENT, 401, "the key was cut after 54 of 55 characters"),
        (None, {"status": "success"}, 422, "activity"),
        (None, {"events": [{"activity": "user.login"}]}, 422, "status"),
    ],
)
def test_refused_request_is_told_with_its_reason(
    by_admin: FlaskClient,
    client: FlaskClient,
    workspace: Workspace,
    cut: int | None,
    event: object,
    status: int,
    words: str,
) -> None:
    key = key_on(make_key(by_admin, workspace))
    assert "refused" not in waiting(by_admin, workspace).text
    assert post(client, key[:cut], event) == status
    told = html.unescape(waiting(by_admin, workspace).text)
    assert str(status) in told
    assert words in told
    assert key not in told


def test_mistyped_and_longer_keys_are_told_apart(
    by_admin: FlaskClient, client: FlaskClient, workspace: Workspace
) -> None:
    key = key_on(make_key(by_admin, workspace))
    post(client, key[:-1] + ("a" if key[-1] != "a" else "b"))
    assert "the key is mistyped." in waiting(by_admin, workspace).text
    post(client, key + "xy")
    assert "the key has 57 characters instead of 55." in waiting(by_admin, workspace).text


def test_refusal_of_a_key_that_no_page_waits_for_is_not_kept(
    client: FlaskClient, workspace: Workspace, settings: Settings
) -> None:
    key = make_api_key(workspace)
    assert post(client, key, {}) == 422
    assert post(client, f"aud_{'0' * 12}_x") == 401
    public = key.split("_")[1]
    server = Redis.from_url(settings.redis_url)
    assert not server.exists(refusals._slot(public), refusals._slot("0" * 12))


def test_other_workspace_is_not_told_of_a_refusal(
    app: Flask, by_admin: FlaskClient, client: FlaskClient, workspace: Workspace, acme: Workspace
) -> None:
    other = app.test_client()
    sign_in(other, make_member(acme))
    key = key_on(make_key(by_admin, workspace))
    waiting(other, acme)
    post(client, key[:20])
    assert "refused" not in waiting(other, acme).text
    assert waiting(other, workspace).status_code == 404


def test_redis_that_is_away_takes_the_reason_and_nothing_else(
    by_admin: FlaskClient, client: FlaskClient, workspace: Workspace, app: Flask
) -> None:
    kept = app.extensions[refusals.EXTENSION]
    app.extensions[refusals.EXTENSION] = refusals.Refusals.at("redis://127.0.0.1:1")
    try:
        key = key_on(make_key(by_admin, workspace))
        assert post(client, key[:20]) == 401
        assert waiting(by_admin, workspace).status_code == 200
    finally:
        app.extensions[refusals.EXTENSION] = kept


def run(web: WebProcess, key: str, name: str, folder: Path) -> None:
    """Run a snippet as it stands."""
    text = next(way.text for way in snippets.of(web.url, key) if way.name == name)
    if name == "otel":
        export_by(yaml.safe_load(text))
        return
    file = folder / "send.mjs"
    file.write_text(text)
    command = {
        "curl": ["bash", "-e", str(file)],
        "python": [sys.executable, str(file)],
        "node": ["node", str(file)],
    }[name]
    subprocess.run(command, check=True, timeout=60, capture_output=True)


def export_by(configuration: dict[str, Any]) -> None:
    """Send a record as the exporter of this configuration does."""
    pipeline = configuration["service"]["pipelines"]["logs/audit"]
    (name,) = pipeline["exporters"]
    exporter = configuration["exporters"][name]
    sent = OTLPLogExporter(endpoint=exporter["logs_endpoint"], headers=exporter["headers"])
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(sent))
    attributes = {"enduser.id": "ann", "user.name": "Ann"}
    provider.get_logger("audit").emit(LogRecord(event_name="user.login", attributes=attributes))
    provider.shutdown()


@pytest.mark.parametrize("name", [way.name for way in snippets.WAYS])
def test_snippet_sends_the_first_event_as_it_stands(
    web: WebProcess, workspace: Workspace, tmp_path: Path, name: str
) -> None:
    run(web, make_api_key(workspace), name, tmp_path)
    (event,) = stored(workspace)
    assert (event.activity, event.actor_id, event.actor_name) == ("user.login", "ann", "Ann")
    assert event.source.startswith("api:")


@pytest.fixture
def new(workspace: Workspace) -> Workspace:
    """A workspace as pages and commands make them, with a first event."""
    with scoped(workspace.id) as session:
        session.get_one(Workspace, workspace.id).first_steps = True
        session.commit()
    append_events(workspace, [event_input()])
    return workspace


def left(page: str) -> list[str]:
    """The first steps that are to do."""
    found = re.search(r'<section class="first-steps.*?</section>', page, re.DOTALL)
    return re.findall(r"<a [^>]*>([^<]+)</a>", found[0]) if found else []


def test_steps_that_are_done_are_no_links(by_admin: FlaskClient, new: Workspace) -> None:
    assert left(log(by_admin, new)) == [
        "Invite the others",
        "Set up your second factor",
        "Schedule a report",
        "Say how long events are kept",
    ]
    make_member(new, Role.AUDITOR)
    assert left(log(by_admin, new))[0] == "Set up your second factor"


def test_list_goes_when_it_is_hidden_which_is_recorded(
    by_admin: FlaskClient, new: Workspace
) -> None:
    given = {"csrf_token": csrf_token(by_admin)}
    answer = by_admin.post(f"/w/{new.slug}/first-steps/hide", data=given)
    assert answer.location == f"/w/{new.slug}/audit-logs"
    assert left(log(by_admin, new)) == []
    event = stored(new)[-1]
    assert event.activity == "workspace.update"
    assert event.changes == {"first_steps": [True, False]}


def test_list_is_not_for_who_does_not_manage(app: Flask, new: Workspace) -> None:
    client = app.test_client()
    sign_in(client, make_member(new, Role.AUDITOR))
    assert left(log(client, new)) == []


def test_list_goes_when_all_is_done(app: Flask, new: Workspace, owner_engine: Any) -> None:
    person: User = make_member(new)
    client = app.test_client()
    sign_in(client, person)
    make_member(new, Role.MEMBER)
    scheduling.make_schedule(new, person, datetime.now(UTC))
    with owner_engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE users SET totp_confirmed_at = now() WHERE id = %s", (person.id,)
        )
    assert left(log(client, new)) == ["Say how long events are kept"]
    with owner_engine.begin() as connection:
        connection.exec_driver_sql(
            "SELECT set_config('auditsaas.workspaces', %s, true)", (f"{{{new.id}}}",)
        )
        connection.exec_driver_sql(
            "UPDATE workspaces SET retention_days = 90 WHERE id = %s", (new.id,)
        )
    assert left(log(client, new)) == []


def test_workspace_from_before_shows_no_list(by_admin: FlaskClient, workspace: Workspace) -> None:
    append_events(workspace, [event_input()])
    assert left(log(by_admin, workspace)) == []
