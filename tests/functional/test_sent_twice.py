"""A form that is sent twice acts once: by two clicks, at the same time, and after going back."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from auditsaas.accounts.models import User
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    csrf_token,
    event_input,
    make_member,
    make_user,
    make_workspace,
    sign_in,
    unique,
)
from tests.support.htmx import PARTIAL

SCHEDULE = {
    "name": "Failed sign-ins",
    "query": "status=error",
    "format": "csv",
    "frequency": "daily",
    "weekday": "0",
    "month_day": "1",
    "at": "08:00",
    "time_zone": "UTC",
}
FORMS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    # what it is: where its form is, where it is sent, where it is counted, and its fields
    "export": ("audit-logs", "exports", "data-export-id", {"format": "csv"}),
    "schedule": ("schedules/new", "schedules", "data-schedule-id", SCHEDULE),
    "saved view": (
        "audit-logs",
        "views",
        'name="order"',
        {"name": "Errors", "query": "status=error"},
    ),
    "key": ("api-keys/new", "api-keys/new", "data-key-id", {"name": "k", "scope": "events:write"}),
    "invitation": (
        "members/invite",
        "members/invite",
        'data-status="invited"',
        {"email": "new@example.com", "role": "member"},
    ),
    "import": ("imports/new", "imports/new", "data-import-id", {"format": "auto"}),
}
COUNTED_AT = {"saved view": "views", "key": "api-keys", "invitation": "members"}
COUNTED_AT |= {"import": "imports"}


@pytest.fixture
def acme() -> Workspace:
    workspace = make_workspace()
    append_events(workspace, [event_input(), event_input(status="error")])
    return workspace


@pytest.fixture
def admin(acme: Workspace, client: FlaskClient) -> User:
    person = make_member(acme)
    sign_in(client, person)
    return person


def token_of(page: str, action: str) -> str:
    """The token in the form of a page that is sent to ``action``."""
    form = page[page.index(f'action="{action}"') :]
    found = re.search(r'name="once" value="([^"]+)"', form)
    assert found, action
    return found[1]


def opened(client: FlaskClient, acme: Workspace, kind: str, person: User) -> dict[str, Any]:
    """The fields of a form as the page that holds it gives them, filled in."""
    where, action, _, fields = FORMS[kind]
    page = client.get(f"/w/{acme.slug}/{where}").text
    filled = {
        "csrf_token": csrf_token(client),
        "once": token_of(page, f"/w/{acme.slug}/{action}"),
        **fields,
    }
    if kind == "schedule":
        filled["recipients"] = str(person.id)
    return filled


def send(client: FlaskClient, acme: Workspace, kind: str, fields: dict[str, Any]) -> TestResponse:
    file = {"file": (io.BytesIO(b"a line\n"), "access.log")} if kind == "import" else {}
    return client.post(
        f"/w/{acme.slug}/{FORMS[kind][1]}",
        data=fields | file,
        content_type="multipart/form-data" if kind == "import" else None,
    )


def number(client: FlaskClient, acme: Workspace, kind: str) -> int:
    where = COUNTED_AT.get(kind, FORMS[kind][1])
    return client.get(f"/w/{acme.slug}/{where}").text.count(FORMS[kind][2])


@pytest.mark.parametrize("kind", FORMS)
def test_resent_form_leads_to_what_it_made(
    kind: str, acme: Workspace, admin: User, client: FlaskClient
) -> None:
    fields = opened(client, acme, kind, admin)
    first = send(client, acme, kind, fields)
    assert first.status_code in (200, 303), first.text
    again = send(client, acme, kind, fields)
    # A small file is the answer itself, and can be fetched again where it is led to.
    assert again.status_code == (303 if kind == "export" else first.status_code)
    assert number(client, acme, kind) == 1
    if kind != "export":
        assert again.headers.get("Location") == first.headers.get("Location")


@pytest.mark.parametrize("kind", FORMS)
def test_form_sent_twice_at_once_makes_one(
    kind: str, app: Flask, acme: Workspace, admin: User, client: FlaskClient
) -> None:
    fields = opened(client, acme, kind, admin)
    name = app.config["SESSION_COOKIE_NAME"]
    cookie = client.get_cookie(name)
    assert cookie is not None

    def once_more(_: int) -> TestResponse:
        other = app.test_client()
        other.set_cookie(name, cookie.value)
        return send(other, acme, kind, fields)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(once_more, range(4)))
    assert {answer.status_code for answer in answers} <= {200, 303}
    assert number(client, acme, kind) == 1
    if kind == "schedule":
        assert len({answer.headers["Location"] for answer in answers}) == 1


@pytest.mark.parametrize("kind", ["export", "schedule", "key"])
def test_two_tabs_make_two(kind: str, acme: Workspace, admin: User, client: FlaskClient) -> None:
    for _ in range(2):
        send(client, acme, kind, opened(client, acme, kind, admin))
    assert number(client, acme, kind) == 2


def test_form_changed_after_going_back_makes_another(
    acme: Workspace, admin: User, client: FlaskClient
) -> None:
    fields = opened(client, acme, "schedule", admin)
    send(client, acme, "schedule", fields)
    send(client, acme, "schedule", fields | {"name": "Another"})
    assert number(client, acme, "schedule") == 2


def test_form_that_was_refused_can_be_sent_again(
    acme: Workspace, admin: User, client: FlaskClient
) -> None:
    fields = opened(client, acme, "schedule", admin)
    assert send(client, acme, "schedule", fields | {"at": "25:00"}).status_code == 422
    assert send(client, acme, "schedule", fields).status_code == 303
    assert number(client, acme, "schedule") == 1


def test_key_is_shown_again_to_a_double_click_and_no_later(
    acme: Workspace, admin: User, client: FlaskClient, owner_engine: Engine
) -> None:
    fields = opened(client, acme, "key", admin)
    answers = [send(client, acme, "key", fields).text for _ in range(2)]
    shown = [re.findall(r'value="(aud_[^"]+)"', answer) for answer in answers]
    assert len(shown[0]) == 1
    assert shown[0] == shown[1]
    with owner_engine.begin() as connection:
        connection.execute(text("ALTER TABLE sent_forms NO FORCE ROW LEVEL SECURITY"))
        connection.execute(text("UPDATE sent_forms SET created_at = now() - interval '1 hour'"))
        connection.execute(text("ALTER TABLE sent_forms FORCE ROW LEVEL SECURITY"))
    late = send(client, acme, "key", fields)
    assert late.status_code == 303
    assert shown[0][0] not in client.get(late.headers["Location"]).text
    assert number(client, acme, "key") == 1


def test_form_token_does_not_work_for_another_person(
    app: Flask, acme: Workspace, admin: User, client: FlaskClient
) -> None:
    fields = opened(client, acme, "schedule", admin)
    assert send(client, acme, "schedule", fields).status_code == 303
    other, person = app.test_client(), make_member(acme)
    sign_in(other, person)
    own = fields | {"csrf_token": csrf_token(other)}
    assert send(other, acme, "schedule", own).status_code == 303
    assert number(client, acme, "schedule") == 2


@pytest.mark.parametrize(
    ("kind", "action"),
    [("schedule", "pause"), ("schedule", "run"), ("schedule", "delete")],
)
def test_action_sent_twice_is_done_once_without_an_error(
    kind: str, action: str, acme: Workspace, admin: User, client: FlaskClient
) -> None:
    made = send(client, acme, kind, opened(client, acme, kind, admin)).headers["Location"]
    page = client.get(made).text
    fields = {"csrf_token": csrf_token(client), "once": token_of(page, f"{made}/{action}")}
    answers = [client.post(f"{made}/{action}", data=fields) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    if action == "run":
        assert client.get(made).text.count("data-run-id") == 1


def test_workspace_sent_twice_is_made_once(client: FlaskClient) -> None:
    sign_in(client, make_user(is_super_admin=True, totp_confirmed_at=None))
    page = client.get("/admin/workspaces/new").text
    slug = unique("twice")
    fields = {
        "csrf_token": csrf_token(client),
        "once": token_of(page, "/admin/workspaces/new"),
        "name": "Twice",
        "slug": slug,
    }
    answers = [client.post("/admin/workspaces/new", data=fields) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    found = client.get(f"/admin/workspaces?q={slug}").text
    assert found.count(f"/admin/workspaces/{slug}/suspend") == 1


def test_export_asked_for_again_later_leads_to_the_first(
    acme: Workspace, admin: User, client: FlaskClient, owner_engine: Engine
) -> None:
    fields = opened(client, acme, "export", admin)
    url = f"/w/{acme.slug}/exports"
    assert "Export ready" in client.post(url, data=fields, headers=PARTIAL).text
    assert client.post(url, data=fields, headers=PARTIAL).status_code == 204
    with owner_engine.begin() as connection:
        connection.execute(text("ALTER TABLE sent_forms NO FORCE ROW LEVEL SECURITY"))
        connection.execute(text("UPDATE sent_forms SET created_at = now() - interval '1 hour'"))
        connection.execute(text("ALTER TABLE sent_forms FORCE ROW LEVEL SECURITY"))
    assert "Asked for already" in client.post(url, data=fields, headers=PARTIAL).text
    assert number(client, acme, "export") == 1
