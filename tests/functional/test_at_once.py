"""Withdrawn access is refused at the very next request, fifty times of fifty."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from auditsaas.accounts.models import User
from auditsaas.permissions import Role
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    csrf_token,
    make_api_key,
    make_member,
    make_user,
    sign_in,
)

TIMES = 50


@pytest.fixture
def user(acme: Workspace) -> User:
    return make_member(acme, Role.AUDITOR)


@pytest.fixture
def browser(app: Flask, user: User) -> FlaskClient:
    """The browser of a person whose access is withdrawn."""
    made = app.test_client()
    sign_in(made, user)
    return made


@pytest.fixture
def admin(client: FlaskClient, acme: Workspace) -> FlaskClient:
    sign_in(client, make_member(acme))
    return client


@pytest.fixture
def above(client: FlaskClient) -> FlaskClient:
    sign_in(client, make_user(is_super_admin=True))
    return client


def act(client: FlaskClient, token: str, path: str, **fields: str) -> None:
    assert client.post(path, data={**fields, "csrf_token": token}).status_code == 303


@pytest.mark.parametrize(
    ("action", "given", "back", "regained", "answer"),
    [
        ("disable", {}, "enable", {}, 404),
        ("role", {"role": "member"}, "role", {"role": "auditor"}, 403),
    ],
    ids=["disabled", "demoted"],
)
def test_disabled_or_demoted_member_is_refused_at_the_next_request(
    admin: FlaskClient,
    browser: FlaskClient,
    acme: Workspace,
    user: User,
    action: str,
    given: dict[str, str],
    back: str,
    regained: dict[str, str],
    answer: int,
) -> None:
    page, member = f"/w/{acme.slug}/exports", f"/w/{acme.slug}/members/{user.id}"
    token, answers = csrf_token(admin), []
    for _ in range(TIMES):
        assert browser.get(page).status_code == 200
        act(admin, token, f"{member}/{action}", **given)
        answers.append(browser.get(page).status_code)
        act(admin, token, f"{member}/{back}", **regained)
    assert answers == [answer] * TIMES


def test_ended_session_is_refused_at_the_next_request(
    app: Flask, browser: FlaskClient, user: User
) -> None:
    answers = []
    for turn in range(TIMES):
        thief = app.test_client()
        cookie = sign_in(browser, user)
        thief.set_cookie(app.config["SESSION_COOKIE_NAME"], cookie)
        assert thief.get("/account/sessions").status_code == 200
        if turn % 2:
            assert browser.post("/logout", data={"csrf_token": csrf_token(browser)}).location
        else:
            act(browser, csrf_token(browser), "/account/sessions/end", session="all")
        answers.append(thief.get("/account/sessions").location)
    assert answers == ["/login?next=/account/sessions"] * TIMES


def test_revoked_key_is_refused_at_the_next_request(
    admin: FlaskClient, app: Flask, acme: Workspace
) -> None:
    token, caller, answers = csrf_token(admin), app.test_client(), []
    keys, page = f"/w/{acme.slug}/api-keys", "/api/v1/events"
    for _ in range(TIMES):
        headers = {"Authorization": f"Bearer {make_api_key(acme)}"}
        assert caller.get(page, headers=headers).status_code == 200
        revoke = re.search(rf"{keys}/[0-9a-f-]+/revoke", admin.get(keys).text)
        assert revoke is not None
        act(admin, token, revoke[0], confirmed="1")
        answers.append(caller.get(page, headers=headers).status_code)
    assert answers == [401] * TIMES


def test_suspended_workspace_is_closed_at_the_next_request(
    above: FlaskClient, browser: FlaskClient, app: Flask, acme: Workspace
) -> None:
    token, caller, answers = csrf_token(above), app.test_client(), []
    headers = {"Authorization": f"Bearer {make_api_key(acme)}"}
    page, workspace = f"/w/{acme.slug}/exports", f"/admin/workspaces/{acme.slug}"
    for _ in range(TIMES):
        assert browser.get(page).status_code == 200
        assert caller.get("/api/v1/events", headers=headers).status_code == 200
        act(above, token, f"{workspace}/suspend", confirmed="1")
        answers.append(
            (
                browser.get(page).status_code,
                caller.get("/api/v1/events", headers=headers).status_code,
            )
        )
        act(above, token, f"{workspace}/resume")
    assert answers == [(403, 403)] * TIMES


def test_person_disabled_by_a_super_admin_is_signed_out_at_the_next_request(
    above: FlaskClient, browser: FlaskClient, user: User
) -> None:
    token, answers = csrf_token(above), []
    for _ in range(TIMES):
        sign_in(browser, user)
        assert browser.get("/account/sessions").status_code == 200
        act(above, token, f"/admin/users/{user.id}/disable")
        answers.append(browser.get("/account/sessions").location)
        act(above, token, f"/admin/users/{user.id}/enable")
    assert answers == ["/login?next=/account/sessions"] * TIMES
