"""Password, second factor and sessions, as a person looks after them."""

from __future__ import annotations

import re
import time

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text, update
from werkzeug.test import TestResponse

from auditsaas.accounts.models import SignInSession, User
from auditsaas.events.models import events
from auditsaas.workspaces.models import Workspace
from tests.support import factories
from tests.support.factories import PASSWORD, csrf_token, make_member, make_user, make_workspace

NEW = "seven purple otters juggling"


@pytest.fixture
def user(client: FlaskClient) -> User:
    made = make_member(make_workspace())
    factories.sign_in(client, made)
    return made


def post(client: FlaskClient, address: str, **fields: str) -> TestResponse:
    return client.post(address, data={**fields, "csrf_token": csrf_token(client)})


def sign_in(client: FlaskClient, user: User, password: str = PASSWORD) -> TestResponse:
    return post(client, "/login", email=user.email, password=password)


def set_up(client: FlaskClient) -> tuple[pyotp.TOTP, list[str]]:
    """Turn the second factor on; the app's side of it, and the recovery codes."""
    post(client, "/account/security/second-factor")
    page = client.get("/account/security").text
    secret = re.search(r'id="totp-secret">([A-Z2-7]+)<', page)
    assert secret is not None
    app = pyotp.TOTP(secret[1])
    answer = post(
        client, "/account/security/second-factor/confirm", code=app.now(), password=PASSWORD
    )
    codes = re.search(r'id="recovery-codes">([^<]+)<', answer.text)
    assert codes is not None, answer.text
    return app, codes[1].split()


def fresh_code(app: pyotp.TOTP) -> str:
    """A code of the next step, which is taken although the one of this step is used."""
    return app.at(int(time.time()) + 30)


def activities(user: User) -> list[tuple[str, str]]:
    with factories.Sessions() as session:
        ids = session.execute(text("SELECT 1")).all()
    assert ids
    with factories.scoped(user=user.id) as session:
        mine = session.scalars(
            text("SELECT workspace_id FROM memberships WHERE user_id = :u"), {"u": user.id}
        ).all()
    with factories.scoped(*mine) as session:
        rows = session.execute(
            select(events.c.activity, events.c.status)
            .where(events.c.workspace_id.in_(mine), events.c.actor_id == str(user.id))
            .order_by(events.c.seq)
        )
        return [tuple(row) for row in rows]


def test_password_change_signs_out_every_other_browser(
    app: Flask, client: FlaskClient, user: User
) -> None:
    other = app.test_client()
    factories.sign_in(other, user)
    before = client.get_cookie("session").value  # type: ignore[union-attr]
    answer = post(client, "/account/security/password", password=PASSWORD, new_password=NEW)
    assert answer.location == "/account/security?done=password"
    assert client.get("/account/security").status_code == 200
    assert client.get_cookie("session").value != before  # type: ignore[union-attr]
    assert other.get("/account/security").location.startswith("/login")
    assert sign_in(app.test_client(), user, NEW).status_code == 302
    assert activities(user)[0] == ("user.password_change", "success")


@pytest.mark.parametrize(
    ("current", "new", "words"),
    [
        ("wrong", NEW, "That is not your password."),
        (PASSWORD, PASSWORD, "That is the password you have."),
        (PASSWORD, "short", "A password has 12 to"),
        (PASSWORD, "letmein12345", "Use several words"),
    ],
)
def test_invalid_password_change_is_refused(
    app: Flask, client: FlaskClient, user: User, current: str, new: str, words: str
) -> None:
    answer = post(client, "/account/security/password", password=current, new_password=new)
    assert answer.status_code == 422
    assert words in answer.text
    assert sign_in(app.test_client(), user).status_code == 302


def test_guessing_the_password_from_an_open_session_is_limited(
    client: FlaskClient, user: User
) -> None:
    address = "/account/security/password"
    for _ in range(5):
        post(client, address, password="wrong", new_password=NEW)
    answer = post(client, address, password=PASSWORD, new_password=NEW)
    assert "Too many tries" in answer.text


def test_second_factor_is_required_once_set_up(app: Flask, client: FlaskClient, user: User) -> None:
    totp, _ = set_up(client)
    browser = app.test_client()
    answer = post(browser, "/login", email=user.email, password=PASSWORD, next="/account/sessions")
    assert answer.location == "/login/second-factor?next=/account/sessions"
    assert browser.get("/account/sessions").location.startswith("/login")
    waiting = browser.get_cookie("session").value  # type: ignore[union-attr]
    done = post(browser, "/login/second-factor", code=fresh_code(totp), next="/account/sessions")
    assert done.location == "/account/sessions"
    assert browser.get("/account/sessions").status_code == 200
    assert browser.get_cookie("session").value != waiting  # type: ignore[union-attr]
    thief = app.test_client()
    thief.set_cookie("session", waiting)
    assert thief.get("/account/sessions").location.startswith("/login")


def test_second_factor_code_works_once(app: Flask, client: FlaskClient, user: User) -> None:
    totp, _ = set_up(client)
    code = fresh_code(totp)
    answers = []
    for _ in range(2):
        browser = app.test_client()
        sign_in(browser, user)
        answers.append(post(browser, "/login/second-factor", code=code).status_code)
    assert answers == [302, 401]


def test_recovery_code_works_once(app: Flask, client: FlaskClient, user: User) -> None:
    _, codes = set_up(client)
    assert len(set(codes)) == 10
    answers = []
    for typed in (codes[0], codes[0], codes[1].upper().replace("-", " ")):
        browser = app.test_client()
        sign_in(browser, user)
        answers.append(post(browser, "/login/second-factor", code=typed).status_code)
    assert answers == [302, 401, 302]
    assert "8 recovery codes left" in browser.get("/account/security").text


@pytest.mark.parametrize("code", ["", "000000", "12345", "１２３４５６", "\x00" * 6, "a" * 40])
def test_wrong_code_is_refused(app: Flask, client: FlaskClient, user: User, code: str) -> None:
    set_up(client)
    browser = app.test_client()
    sign_in(browser, user)
    answer = post(browser, "/login/second-factor", code=code)
    assert answer.status_code == 401
    assert "4 tries left" in answer.text
    assert browser.get("/account/security").location.startswith("/login")


def test_code_guessing_is_limited(app: Flask, client: FlaskClient, user: User) -> None:
    totp, _ = set_up(client)
    browser = app.test_client()
    sign_in(browser, user)
    for _ in range(5):
        post(browser, "/login/second-factor", code="000000")
    assert post(browser, "/login/second-factor", code=fresh_code(totp)).status_code == 429


def test_second_step_without_the_first_leads_to_sign_in(client: FlaskClient) -> None:
    assert client.get("/login/second-factor").location == "/login"
    assert post(client, "/login/second-factor", code="000000").location == "/login"


def test_session_awaiting_the_second_factor_opens_nothing_and_expires_soon(
    app: Flask, client: FlaskClient, user: User
) -> None:
    totp, _ = set_up(client)
    browser = app.test_client()
    sign_in(browser, user)
    for page in ("/account", "/audit-logs", "/notifications"):
        assert browser.get(page).location.startswith("/login")
    assert browser.get("/login/second-factor").status_code == 200
    with factories.Sessions.begin() as session:
        session.execute(
            update(SignInSession)
            .where(SignInSession.user_id == user.id, SignInSession.awaits_second_factor)
            .values(expires_at=func.now())
        )
    assert post(browser, "/login/second-factor", code=fresh_code(totp)).location == "/login"
    assert browser.get("/account").location.startswith("/login")


def test_the_second_factor_too_begins_a_new_session(
    app: Flask, client: FlaskClient, user: User
) -> None:
    totp, _ = set_up(client)
    browser, name = app.test_client(), app.config["SESSION_COOKIE_NAME"]
    sign_in(browser, user)
    waiting = browser.get_cookie(name)
    assert post(browser, "/login/second-factor", code=fresh_code(totp)).status_code == 302
    entered = browser.get_cookie(name)
    assert waiting is not None
    assert entered is not None
    assert waiting.value != entered.value
    browser.set_cookie(name, waiting.value)
    assert browser.get("/account").location.startswith("/login")


def test_secret_and_recovery_codes_are_not_stored_in_plain_text(
    client: FlaskClient, user: User
) -> None:
    totp, codes = set_up(client)
    with factories.Sessions() as session:
        kept = session.execute(
            text("SELECT u::text, r::text FROM users u JOIN recovery_codes r ON r.user_id = u.id")
        ).all()
    assert totp.secret not in str(kept)
    assert codes[0] not in str(kept)


def test_enabling_the_second_factor_needs_the_password_and_a_code(
    client: FlaskClient, user: User
) -> None:
    post(client, "/account/security/second-factor")
    address = "/account/security/second-factor/confirm"
    assert post(client, address, code="000000", password=PASSWORD).status_code == 422
    assert post(client, address, code="000000", password="wrong").status_code == 422
    with factories.Sessions() as session:
        assert session.get_one(User, user.id).totp_confirmed_at is None


def test_disabling_the_second_factor_needs_the_password_and_a_code(
    client: FlaskClient, user: User
) -> None:
    totp, codes = set_up(client)
    address = "/account/security/second-factor/remove"
    assert post(client, address, code=fresh_code(totp), password="wrong").status_code == 422
    assert post(client, address, code="000000", password=PASSWORD).status_code == 422
    answer = post(client, address, code=codes[0], password=PASSWORD)
    assert answer.location == "/account/security?done=removed"
    assert activities(user) == [
        ("user.second_factor_enable", "success"),
        ("user.second_factor_disable", "error"),
        ("user.second_factor_disable", "error"),
        ("user.second_factor_disable", "success"),
    ]


def test_new_recovery_codes_replace_the_old(app: Flask, client: FlaskClient, user: User) -> None:
    _, codes = set_up(client)
    post(client, "/account/security/recovery-codes", password=PASSWORD)
    browser = app.test_client()
    sign_in(browser, user)
    assert post(browser, "/login/second-factor", code=codes[0]).status_code == 401


def require(workspace: Workspace) -> None:
    with factories.scoped(workspace.id) as session:
        session.execute(update(Workspace).values(require_second_factor=True))
        session.commit()


def test_workspace_may_require_a_second_factor(client: FlaskClient) -> None:
    workspace = make_workspace()
    factories.sign_in(client, make_member(workspace))
    require(workspace)
    log = f"/w/{workspace.slug}/audit-logs"
    answer = client.get(f"{log}?status=error")
    assert answer.location == f"/account/security?needed=1&next={log}%3Fstatus%3Derror"
    assert client.get("/audit-logs").location.startswith("/account/security?needed=1")
    assert "asks for a second factor" in client.get(answer.location).text
    fragment = client.get(log, headers={"HX-Request": "true", "HX-Request-Type": "partial"})
    assert fragment.headers["HX-Redirect"] == "/account/security"
    set_up(client)
    assert client.get(log).status_code == 200


def test_required_second_factor_closes_only_its_own_workspace(client: FlaskClient) -> None:
    strict, easy = make_workspace(), make_workspace()
    user = make_member(easy, user=make_member(strict))
    factories.sign_in(client, user)
    require(strict)
    assert client.get(f"/w/{easy.slug}/audit-logs").status_code == 200
    assert client.get("/audit-logs").status_code == 200


def test_sessions_are_listed_and_ended_one_by_one(
    app: Flask, client: FlaskClient, user: User
) -> None:
    other = app.test_client()
    factories.sign_in(other, user)
    stranger = app.test_client()
    factories.sign_in(stranger, make_user())
    page = client.get("/account/sessions").text
    names = re.findall(r'name="session" value="([0-9a-f]{32})"', page)
    assert len(names) == 2
    for name in names:
        post(stranger, "/account/sessions/end", session=name)
    mine = re.search(r"this browser.*?value=\"([0-9a-f]{32})\"", page, re.DOTALL)
    assert mine is not None
    theirs = next(name for name in names if name != mine[1])
    assert post(client, "/account/sessions/end", session=theirs).status_code == 303
    assert other.get("/account/sessions").location.startswith("/login")
    assert client.get("/account/sessions").status_code == 200
    assert post(client, "/account/sessions/end", session=mine[1]).location == "/login"
    assert client.get("/account/sessions").location.startswith("/login")


def test_signing_out_everywhere_leaves_no_session(
    app: Flask, client: FlaskClient, user: User
) -> None:
    other = app.test_client()
    factories.sign_in(other, user)
    stolen = client.get_cookie("session").value  # type: ignore[union-attr]
    answer = post(client, "/account/sessions/end", session="all")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    thief = app.test_client()
    thief.set_cookie("session", stolen)
    for browser in (client, other, thief):
        assert browser.get("/account/sessions").location.startswith("/login")
    assert activities(user) == [("user.session_end", "success")]


def test_ending_other_sessions_keeps_the_current_one(
    app: Flask, client: FlaskClient, user: User
) -> None:
    other = app.test_client()
    factories.sign_in(other, user)
    post(client, "/account/sessions/end", session="others")
    assert other.get("/account/sessions").location.startswith("/login")
    assert client.get("/account/sessions").status_code == 200


@pytest.mark.parametrize("name", ["", "x", "0" * 32, "\x00", "'; --"])
def test_unknown_session_ends_nothing(client: FlaskClient, user: User, name: str) -> None:
    assert post(client, "/account/sessions/end", session=name).status_code == 303
    assert client.get("/account/sessions").status_code == 200
    assert activities(user) == []


def test_session_fixation_cookie_is_replaced_at_sign_in(client: FlaskClient) -> None:
    planted = "A" * 43
    client.set_cookie("session", planted)
    assert sign_in(client, make_user()).status_code == 302
    assert client.get_cookie("session").value != planted  # type: ignore[union-attr]
