"""Signing in and out as a browser sees it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, text, update
from werkzeug.test import TestResponse

from auditsaas.accounts.models import SignInSession, User
from auditsaas.events.models import events
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Membership
from tests.support import factories
from tests.support.factories import PASSWORD, csrf_token, make_member, make_user, make_workspace
from tests.support.outside import settle_accounts


def submit(
    client: FlaskClient, email: str, password: str = PASSWORD, after: str = ""
) -> TestResponse:
    form = {
        "email": email,
        "password": password,
        "next": after,
        "csrf_token": csrf_token(client),
    }
    return client.post("/login", data=form)


def recorded(workspace_id: object, actor_id: object) -> list[tuple[str, str]]:
    with factories.scoped(workspace_id) as session:  # type: ignore[arg-type]
        rows = session.execute(
            select(events.c.activity, events.c.status)
            .where(
                events.c.workspace_id == workspace_id,
                events.c.actor_id == str(actor_id),
            )
            .order_by(events.c.seq)
        )
        return [tuple(row) for row in rows]


def test_right_password_leads_to_the_log(client: FlaskClient) -> None:
    workspace = make_workspace()
    answer = submit(client, make_member(workspace).email)
    assert (answer.status_code, answer.location) == (302, "/")
    log = client.get("/").location
    assert log == f"/w/{workspace.slug}/audit-logs"
    assert client.get(log).status_code == 200


def test_email_is_case_insensitive(client: FlaskClient) -> None:
    assert submit(client, f" {make_user().email.upper()} ").status_code == 302


@pytest.mark.parametrize("case", ["wrong password", "unknown", "disabled", "no address"])
def test_every_sign_in_refusal_has_the_same_message(client: FlaskClient, case: str) -> None:
    user = make_user(disabled_at=datetime.now(UTC) if case == "disabled" else None)
    email = {"unknown": f"{factories.unique('nobody')}@example.com", "no address": "%00x"}.get(
        case, user.email
    )
    password = "not the right password" if case == "wrong password" else PASSWORD
    answer = submit(client, email, password)
    assert answer.status_code == 401
    assert "That email and password do not match." in answer.text
    assert "Set-Cookie" not in answer.headers


def test_sign_in_failed_sign_in_and_sign_out_are_events(app: Flask, client: FlaskClient) -> None:
    acme, globex = make_workspace(), make_workspace()
    user = make_member(acme)
    make_member(globex, Role.AUDITOR, user)
    submit(client, user.email, "not the right password")
    settle_accounts(app)
    submit(client, user.email)
    client.post("/logout", data={"csrf_token": csrf_token(client)})
    wanted = [("user.login", "error"), ("user.login", "success"), ("user.logout", "success")]
    assert recorded(acme.id, user.id) == wanted
    assert recorded(globex.id, user.id) == wanted


def test_sign_in_event_has_request_details_and_the_role_in_each_workspace(
    client: FlaskClient,
) -> None:
    workspace = make_workspace()
    user = make_member(workspace, Role.AUDITOR)
    client.post(
        "/login",
        data={"email": user.email, "password": PASSWORD, "csrf_token": csrf_token(client)},
        headers={"User-Agent": "Firefox", "X-Request-ID": "req-7"},
    )
    with factories.scoped(workspace.id) as session:
        event = session.execute(select(events).where(events.c.workspace_id == workspace.id)).one()
    assert (event.method, event.path, event.status_code) == ("POST", "/login", 302)
    assert (str(event.ip), event.user_agent, event.request_id) == ("127.0.0.1", "Firefox", "req-7")
    assert (event.actor_email, event.actor_role) == (user.email, "auditor")
    assert event.duration_ms > 0


def test_typed_email_is_recorded_only_if_it_is_an_email(app: Flask, client: FlaskClient) -> None:
    nobody = f"{factories.unique('nobody')}@example.com"
    submit(client, nobody)
    submit(client, "my secret password")
    settle_accounts(app)
    assert recorded(SYSTEM_WORKSPACE_ID, nobody) == [("user.login", "error")]
    assert recorded(SYSTEM_WORKSPACE_ID, "my secret password") == []


def test_the_session_id_is_new_after_sign_in(client: FlaskClient) -> None:
    csrf_token(client)
    before = client.get_cookie("session")
    submit(client, make_user().email)
    after = client.get_cookie("session")
    assert before is not None
    assert after is not None
    assert before.value != after.value


def test_only_the_hash_of_a_session_id_is_stored(client: FlaskClient, owner_engine: Engine) -> None:
    session_id = factories.sign_in(client, make_user())
    with owner_engine.connect() as connection:
        stored = connection.execute(text("SELECT id_hash FROM sessions")).scalars().all()
    assert session_id.encode() not in b"".join(stored)


def test_signing_in_again_ends_the_session_before(client: FlaskClient, app: Flask) -> None:
    user = make_user()
    before = factories.sign_in(client, user)
    submit(client, user.email)
    other = app.test_client()
    other.set_cookie("session", before)
    assert other.get("/notifications").location.startswith("/login")


def test_the_cookie_is_for_this_site_and_not_for_scripts(client: FlaskClient) -> None:
    cookie = submit(client, make_user().email).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Max-Age" not in cookie


def test_signing_out_ends_the_session_itself(client: FlaskClient, app: Flask) -> None:
    stolen = factories.sign_in(client, make_member(make_workspace()))
    answer = client.post("/logout", data={"csrf_token": csrf_token(client)})
    assert answer.location == "/login"
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert client.get_cookie("session") is None
    thief = app.test_client()
    thief.set_cookie("session", stolen)
    assert thief.get("/audit-logs").location.startswith("/login")


def test_disabled_person_is_signed_out_at_the_next_request(
    client: FlaskClient, owner_engine: Engine
) -> None:
    user = make_member(make_workspace())
    factories.sign_in(client, user)
    assert client.get("/audit-logs").status_code == 200
    with owner_engine.begin() as connection:
        connection.execute(
            update(User).where(User.id == user.id).values(disabled_at=datetime.now(UTC))
        )
    assert client.get("/audit-logs").location.startswith("/login")


def test_disabled_member_is_refused_at_the_next_request(client: FlaskClient) -> None:
    workspace = make_workspace()
    user = make_member(workspace)
    factories.sign_in(client, user)
    assert client.get(f"/w/{workspace.slug}/audit-logs").status_code == 200
    with factories.scoped(workspace.id) as session:
        session.execute(
            update(Membership)
            .where(Membership.user_id == user.id)
            .values(disabled_at=datetime.now(UTC))
        )
        session.commit()
    assert client.get(f"/w/{workspace.slug}/audit-logs").status_code == 404


@pytest.mark.parametrize(
    ("column", "age"),
    [("last_seen_at", timedelta(hours=12)), ("expires_at", timedelta(seconds=1))],
)
def test_expired_session_is_refused(client: FlaskClient, column: str, age: timedelta) -> None:
    user = make_member(make_workspace())
    factories.sign_in(client, user)
    _move_back(user, column, age)
    assert client.get("/audit-logs").location.startswith("/login")


def test_active_session_is_extended(client: FlaskClient) -> None:
    user = make_member(make_workspace())
    factories.sign_in(client, user)
    _move_back(user, "last_seen_at", timedelta(hours=11))
    client.get("/audit-logs")
    with factories.Sessions() as session:
        seen = session.scalar(
            select(SignInSession.last_seen_at).where(SignInSession.user_id == user.id)
        )
    assert seen is not None
    assert datetime.now(UTC) - seen < timedelta(minutes=1)


def test_session_use_is_recorded_at_most_once_a_minute(
    client: FlaskClient, queries: list[str]
) -> None:
    factories.sign_in(client, make_member(make_workspace()))
    client.get("/audit-logs")
    assert not [statement for statement in queries if statement.startswith("UPDATE sessions")]


def _move_back(user: User, column: str, age: timedelta) -> None:
    with factories.Sessions.begin() as session:
        session.execute(
            update(SignInSession)
            .where(SignInSession.user_id == user.id)
            .values({column: datetime.now(UTC) - age})
        )


def test_a_signed_out_visitor_comes_back_to_the_page_after_signing_in(
    client: FlaskClient,
) -> None:
    workspace = make_workspace()
    user = make_member(workspace)
    page = f"/w/{workspace.slug}/audit-logs?status=error&activity=user.login"
    sent = urlsplit(client.get(page).location)
    after = parse_qs(sent.query)["next"][0]
    assert (sent.path, after) == ("/login", page)
    assert submit(client, user.email, after=after).location == page


@pytest.mark.parametrize(
    ("asked", "back"),
    [
        ("/audit-logs?status=error", "/audit-logs%3Fstatus%3Derror"),  # the page, filtered anew
        ("/audit-logs/count?status=error", "/audit-logs%3Fq%3Da%2520b"),  # a part of it
    ],
)
def test_htmx_request_is_redirected_to_sign_in_and_back(
    client: FlaskClient, asked: str, back: str
) -> None:
    answer = client.get(
        asked,
        headers={
            "HX-Request": "true",
            "HX-Request-Type": "partial",
            "HX-Current-URL": "http://localhost/audit-logs?q=a%20b",
        },
    )
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == f"/login?next={back}"


def test_next_parameter_never_leaves_the_site(client: FlaskClient) -> None:
    answer = submit(client, make_user().email, after="//evil.example/")
    assert answer.location == "/"


def test_a_form_without_a_token_is_refused(client: FlaskClient) -> None:
    user = make_user()
    answer = client.post("/login", data={"email": user.email, "password": PASSWORD})
    assert answer.status_code == 400
    assert "Page out of date" in answer.text


def test_a_token_of_another_session_is_refused(client: FlaskClient, app: Flask) -> None:
    factories.sign_in(client, make_user())
    other = app.test_client()
    factories.sign_in(other, make_user())
    assert client.post("/logout", data={"csrf_token": csrf_token(other)}).status_code == 400


def test_csrf_token_from_before_sign_in_is_refused_afterwards(client: FlaskClient) -> None:
    early = csrf_token(client)
    submit(client, make_user().email)
    assert client.post("/logout", data={"csrf_token": early}).status_code == 400


def test_a_visitor_who_has_not_signed_in_leaves_no_row(
    client: FlaskClient, queries: list[str]
) -> None:
    client.get("/login")
    assert queries == []


def test_signed_in_person_is_redirected_from_the_sign_in_page(client: FlaskClient) -> None:
    factories.sign_in(client, make_user())
    assert client.get("/login?next=/exports").location == "/exports"


def test_home_page_leads_a_visitor_to_the_sign_in_page(client: FlaskClient) -> None:
    assert client.get("/").location == "/login"
