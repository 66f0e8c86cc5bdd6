"""Asked again who one is, before what cannot be undone or gives rights; then the form goes on."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, update
from werkzeug.test import TestResponse

from auditsaas.access import who_asks
from auditsaas.access.who_asks import AskedPage
from auditsaas.accounts import kept_requests, sessions
from auditsaas.accounts.kept_requests import KeptRequest
from auditsaas.accounts.models import User
from auditsaas.app import create_app
from auditsaas.events.models import events
from auditsaas.exports.models import Export
from auditsaas.permissions import Role
from auditsaas.workspaces.models import ApiKey, Membership, Workspace
from config.settings import Settings
from tests.architecture.journey import ORIGIN
from tests.support.asking import confirm, confirmed_ago, cookie_of, kept_in
from tests.support.authenticator import Authenticator
from tests.support.company import Company
from tests.support.factories import PASSWORD, Sessions, csrf_token, make_member, scoped
from tests.support.waiting import ask_for, changes_of

pytestmark = pytest.mark.usefixtures("signed_in_admin")

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture(scope="module")
def app(settings: Settings, engine: Engine) -> Flask:
    """The product at an address with a name, as passkeys need."""
    made = create_app(replace(settings, base_url=ORIGIN))
    made.testing = True
    return made


@pytest.fixture
def member(workspace: Workspace) -> User:
    return make_member(workspace, Role.MEMBER)


def make_auditor(
    client: FlaskClient, workspace: Workspace, member: User, **headers: str
) -> TestResponse:
    """Post the change of a role."""
    return client.post(
        f"/w/{workspace.slug}/members/{member.id}/role",
        data={"role": "auditor", "csrf_token": csrf_token(client)},
        headers=headers,
    )


def role_of(workspace: Workspace, member: User) -> str:
    with scoped(workspace.id) as session:
        return session.get_one(Membership, (workspace.id, member.id)).role


def test_sign_in_counts_for_ten_minutes(
    client: FlaskClient, workspace: Workspace, member: User
) -> None:
    confirmed_ago(client, timedelta(minutes=9, seconds=50))
    assert make_auditor(client, workspace, member).status_code == 303
    confirmed_ago(client, timedelta(minutes=10, seconds=1))
    assert make_auditor(client, workspace, member).status_code == 401


def test_form_goes_on_once_the_password_is_given(
    client: FlaskClient, workspace: Workspace, member: User
) -> None:
    confirmed_ago(client)
    asked = make_auditor(client, workspace, member)
    assert role_of(workspace, member) == "member"
    answer = confirm(client, asked)
    assert answer.location == f"/w/{workspace.slug}/members?done=role"
    assert role_of(workspace, member) == "auditor"
    assert make_auditor(client, workspace, member).status_code == 303


def test_event_of_the_form_has_its_own_address(
    client: FlaskClient, workspace: Workspace, member: User
) -> None:
    confirmed_ago(client)
    answer = confirm(client, make_auditor(client, workspace, member))
    with scoped(workspace.id) as session:
        found = select(events).where(events.c.request_id == answer.headers["X-Request-ID"])
        rows = {row.activity: row for row in session.execute(found)}
    assert rows["member.role_update"].path == f"/w/{workspace.slug}/members/{member.id}/role"
    assert rows["user.confirm"].path == "/account/confirm"
    assert str(rows["member.role_update"].ip) == "127.0.0.1"


def test_wrong_password_is_refused_counted_and_recorded(
    client: FlaskClient, workspace: Workspace, member: User
) -> None:
    confirmed_ago(client)
    asked = make_auditor(client, workspace, member)
    for _ in range(5):
        refused = confirm(client, asked, password="not this one")
        assert (refused.status_code, "not your password" in refused.text) == (401, True)
    paused = confirm(client, asked)
    assert "Too many tries" in paused.text
    assert role_of(workspace, member) == "member"
    with scoped(workspace.id) as session:
        found = select(events.c.status).where(events.c.activity == "user.confirm")
        assert set(session.scalars(found)) == {"error"}


def test_answer_without_password_code_or_passkey_is_refused(
    client: FlaskClient, workspace: Workspace, member: User
) -> None:
    confirmed_ago(client)
    refused = confirm(client, make_auditor(client, workspace, member), password="", code=" ")
    assert refused.status_code == 422
    assert role_of(workspace, member) == "member"


def test_session_has_a_new_id_after_it_is_confirmed(
    app: Flask, client: FlaskClient, workspace: Workspace, member: User
) -> None:
    confirmed_ago(client)
    before = cookie_of(client)
    confirm(client, make_auditor(client, workspace, member))
    assert cookie_of(client) != before
    thief = app.test_client()
    thief.set_cookie(app.config["SESSION_COOKIE_NAME"], before)
    assert thief.get("/account").status_code == 302


def test_htmx_gets_the_question_for_the_dialog(
    client: FlaskClient, workspace: Workspace, member: User
) -> None:
    confirmed_ago(client)
    asked = make_auditor(client, workspace, member, **PARTIAL)
    assert (asked.status_code, asked.headers["HX-Retarget"]) == (401, "#dialog")
    assert "<dialog" in asked.text
    assert "<html" not in asked.text
    assert confirm(client, asked).status_code == 303
    assert role_of(workspace, member) == "auditor"


def test_kept_fields_cannot_be_read_changed_or_used_by_another(
    app: Flask,
    client: FlaskClient,
    workspace: Workspace,
    member: User,
    browser: Callable[[User], FlaskClient],
) -> None:
    confirmed_ago(client)
    asked = make_auditor(client, workspace, member)
    assert "auditor" not in kept_in(asked)
    another = browser(make_member(workspace))
    form = {"kept": kept_in(asked), "password": PASSWORD, "csrf_token": csrf_token(another)}
    assert another.post("/account/confirm", data=form).location == "/"
    form["kept"] = kept_in(asked)[:-4] + "AAAA"
    form["csrf_token"] = csrf_token(client)
    assert client.post("/account/confirm", data=form).location == "/"
    assert role_of(workspace, member) == "member"


def test_no_password_or_code_is_kept() -> None:
    fields = [("role", "admin"), ("password", "x"), ("new_password", "x"), ("code", "1")]
    kept = KeptRequest.of("POST", "/somewhere", [*fields, ("csrf_token", "t")])
    assert kept.fields == (("role", "admin"),)


def test_what_was_kept_long_ago_is_not_sent(app: Flask, admin: User) -> None:
    key = app.extensions["settings"].secret_keys
    sealed = kept_requests.seal(key, admin.id, KeptRequest("POST", "/account"))
    assert kept_requests.unseal(key, admin.id, sealed) is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept_requests, "SECONDS", -1)
        assert kept_requests.unseal(key, admin.id, sealed) is None


def test_stranger_is_told_nothing_before_being_asked(
    client: FlaskClient, browser: Callable[[User], FlaskClient], workspace: Workspace, member: User
) -> None:
    theirs = browser(member)
    confirmed_ago(theirs)
    assert make_auditor(theirs, workspace, member).status_code == 403


def test_passkey_confirms_too(client: FlaskClient, workspace: Workspace, member: User) -> None:
    device = Authenticator("localhost", ORIGIN)
    options = post(client, "/account/security/passkeys/options").json
    made = {"credential": device.create(options or {}), "name": "Key", "password": PASSWORD}
    assert post(client, "/account/security/passkeys", **made).status_code == 303
    confirmed_ago(client)
    asked = make_auditor(client, workspace, member)
    assert "Use a passkey" in asked.text
    options = post(client, "/account/confirm/options").json
    assert confirm(client, asked, credential=device.sign(options or {})).status_code == 303
    assert role_of(workspace, member) == "auditor"


def post(client: FlaskClient, path: str, **fields: str) -> TestResponse:
    return client.post(path, data={"csrf_token": csrf_token(client), **fields})


def test_shorter_retention_is_asked_for_by_who_confirms(
    client: FlaskClient, workspace: Workspace
) -> None:
    confirmed_ago(client)
    asked = ask_for(client, workspace, retention_days="30", reason="Case 7")
    assert changes_of(workspace) == []
    assert confirm(client, asked).location.endswith("/settings/retention?done=asked")
    assert [change.reason for change in changes_of(workspace)] == ["Case 7"]


def test_secret_of_a_new_key_is_shown_once_confirmed(
    client: FlaskClient, workspace: Workspace
) -> None:
    confirmed_ago(client)
    fields = {"name": "Shipper", "scope": "events:write", "lifetime": "30"}
    asked = post(client, f"/w/{workspace.slug}/api-keys/new", **fields)
    assert asked.status_code == 401
    assert re.search(r"aud_\w+", confirm(client, asked).text)
    with scoped(workspace.id) as session:
        assert session.scalars(select(ApiKey.name)).all() == ["Shipper"]


def test_ending_sessions_is_asked_again(client: FlaskClient, admin: User) -> None:
    with Sessions.begin() as session:
        sessions.start(session, admin.id)
    confirmed_ago(client)
    asked = post(client, "/account/sessions/end", session="others")
    assert asked.status_code == 401
    assert confirm(client, asked).location == "/account/sessions?done=others"
    with Sessions() as session:
        assert len(sessions.live_sessions(session, admin.id)) == 1


@pytest.mark.parametrize(
    ("rows", "confirms", "status"),
    [(10_001, True, 401), (10_000, True, 200), (10_001, False, 200)],
)
def test_large_download_is_asked_again_where_the_workspace_says_so(
    app: Flask,
    client: FlaskClient,
    workspace: Workspace,
    admin: User,
    rows: int,
    confirms: bool,
    status: int,
) -> None:
    export = Company(app, workspace, admin, "mark").export()
    with scoped(workspace.id, user=admin.id) as session:
        session.execute(update(Export).where(Export.id == export).values(rows_total=rows))
        session.get_one(Workspace, workspace.id).confirm_downloads = confirms
        session.commit()
    confirmed_ago(client)
    path = f"/w/{workspace.slug}/exports/{export}/download"
    with client.get(path) as answer:
        assert answer.status_code == status
    if status == 401:
        assert confirm(client, client.get(path)).location == path
        with client.get(path) as answer:
            assert answer.status_code == 200


def test_page_of_the_question_leads_on(client: FlaskClient) -> None:
    page = client.get("/account/confirm?next=/account/sessions")
    assert page.status_code == 200
    assert confirm(client, page).location == "/account/sessions"
    elsewhere = client.get("/account/confirm?next=//evil.example/")
    assert confirm(client, elsewhere).location == "/"


def test_blank_code_beside_the_password_is_no_second_factor(
    client: FlaskClient, workspace: Workspace, member: User
) -> None:
    confirmed_ago(client)
    asked = make_auditor(client, workspace, member)
    assert confirm(client, asked, password=PASSWORD, code=" ").status_code == 303
    with Sessions() as session:
        found = who_asks.find(session, cookie_of(client), AskedPage())
    assert found is not None
    assert found.identity.second_factor is False
