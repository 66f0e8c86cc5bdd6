"""A new password by a link, and every link that sets none."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email import message_from_string
from email.policy import default

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from werkzeug.test import TestResponse

from auditsaas.accounts import attempts, resets
from auditsaas.accounts.models import PasswordReset, User
from auditsaas.events.models import events
from auditsaas.jobs.runner import run
from auditsaas.mail.models import Mail
from auditsaas.notifications import delivery
from tests.support import factories
from tests.support.factories import (
    PASSWORD,
    csrf_token,
    make_member,
    make_user,
    make_workspace,
    unique,
)
from tests.support.outside import settle_accounts

NEW = "seven purple otters juggling"


def link(user: User) -> str:
    with factories.Sessions.begin() as session:
        return resets.begin(session, session.get_one(User, user.id))


def ask(client: FlaskClient, email: str) -> TestResponse:
    return client.post("/password-reset", data={"email": email, "csrf_token": csrf_token(client)})


def choose(client: FlaskClient, token: str, password: str = NEW) -> TestResponse:
    data = {"password": password, "csrf_token": csrf_token(client)}
    return client.post(f"/password-reset/{token}", data=data)


def sign_in(client: FlaskClient, user: User, password: str) -> int:
    data = {"email": user.email, "password": password, "csrf_token": csrf_token(client)}
    return client.post("/login", data=data).status_code


def links_of(user: User) -> int:
    with factories.Sessions() as session:
        counted = select(func.count()).where(PasswordReset.user_id == user.id)
        return session.scalar(counted) or 0


def test_a_link_sets_the_password_and_is_used_up(client: FlaskClient) -> None:
    user = make_user()
    token = link(user)
    assert client.get(f"/password-reset/{token}").status_code == 200
    assert choose(client, token).location == "/login?reset=1"
    assert sign_in(client, user, PASSWORD) == 401
    assert sign_in(client, user, NEW) == 302
    assert choose(client, token, "another purple otter sings").status_code == 410


def test_second_factor_stays_after_a_reset(client: FlaskClient) -> None:
    user = make_user()
    token = link(user)
    with factories.Sessions.begin() as session:
        session.get_one(User, user.id).totp_confirmed_at = datetime.now(UTC)
    choose(client, token)
    form = {"email": user.email, "password": NEW, "csrf_token": csrf_token(client)}
    answer = client.post("/login", data=form)
    assert answer.location == "/login/second-factor"


def test_reset_ends_every_session(app: Flask, client: FlaskClient) -> None:
    user = make_member(make_workspace())
    browsers = [app.test_client() for _ in range(2)]
    for browser in browsers:
        factories.sign_in(browser, user)
    choose(client, link(user))
    for browser in browsers:
        assert browser.get("/audit-logs").location.startswith("/login")


@pytest.mark.parametrize("case", ["known", "unknown", "disabled", "no address"])
def test_response_is_the_same_for_any_address(app: Flask, client: FlaskClient, case: str) -> None:
    user = make_user(disabled_at=datetime.now(UTC) if case == "disabled" else None)
    email = {"unknown": f"{unique('nobody')}@example.com", "no address": "\x00"}.get(
        case, user.email
    )
    answer = ask(client, email)
    assert answer.status_code == 200
    assert "If an account has that address, a link is on its way" in answer.text
    settle_accounts(app)
    assert links_of(user) == (1 if case == "known" else 0)


def test_reset_link_is_mailed_and_not_kept_after_sending(app: Flask, client: FlaskClient) -> None:
    user = make_user()
    ask(client, user.email)
    settle_accounts(app)
    settings = app.extensions["settings"]
    with factories.scoped(user=user.id) as session:
        mail = session.scalars(select(Mail).where(Mail.user_id == user.id)).one()
    with app.app_context():
        run(delivery.mail_job(settings), mail.id)
    written = (settings.data_dir / "mail" / f"{mail.id}.eml").read_text()
    letter = message_from_string(written, policy=default)
    body = letter.get_body(("plain",))
    assert body is not None
    token = re.search(r"/password-reset/([A-Za-z0-9_-]{43})", body.get_content())
    assert token is not None
    assert letter["To"].addresses[0].addr_spec == user.email
    assert choose(client, token[1]).status_code == 303
    with factories.scoped(user=user.id) as session:
        assert token[1] not in str(session.get_one(Mail, mail.id).context)


def test_newer_link_invalidates_the_earlier_one(client: FlaskClient) -> None:
    user = make_user()
    first, second = link(user), link(user)
    assert choose(client, first).status_code == 410
    assert choose(client, second).status_code == 303


def test_expired_link_is_refused(client: FlaskClient) -> None:
    user = make_user()
    before = datetime.now(UTC) - timedelta(hours=1)
    with factories.Sessions.begin() as session:
        token = resets.begin(session, session.get_one(User, user.id), before)
    assert client.get(f"/password-reset/{token}").status_code == 410
    assert choose(client, token).status_code == 410


@pytest.mark.parametrize("token", ["x", "A" * 43, "%00", "é" * 43, "a" * 3000])
def test_forged_link_is_explained(client: FlaskClient, token: str) -> None:
    assert client.get(f"/password-reset/{token}").status_code == 410
    assert choose(client, token).status_code == 410


def test_disabled_person_cannot_reset_the_password(client: FlaskClient) -> None:
    user = make_user()
    token = link(user)
    with factories.OwnerSessions.begin() as session:
        session.get_one(User, user.id).disabled_at = datetime.now(UTC)
    assert choose(client, token).status_code == 410


@pytest.mark.parametrize("password", ["short", "password1234", "x" * 1025])
def test_a_weak_password_is_refused_and_the_link_still_works(
    client: FlaskClient, password: str
) -> None:
    token = link(make_user())
    assert choose(client, token, password).status_code == 422
    assert choose(client, token).status_code == 303


def test_a_fourth_link_within_the_hour_is_not_sent(app: Flask, client: FlaskClient) -> None:
    user = make_user()
    for _ in range(3):
        assert ask(client, user.email).status_code == 200
    settle_accounts(app)
    with factories.Sessions.begin() as session:
        session.execute(text("DELETE FROM password_resets WHERE user_id = :u"), {"u": user.id})
    answer = ask(client, user.email)
    assert (answer.status_code, "Too many tries" in answer.text) == (429, True)
    settle_accounts(app)
    assert links_of(user) == 0


@pytest.mark.parametrize("exists", [True, False])
def test_place_that_asked_for_too_many_links_is_refused_at_once(
    client: FlaskClient, exists: bool
) -> None:
    user, place = make_user(), "198.51.100.41"
    with factories.Sessions.begin() as session:
        attempts.forget(session, attempts.RESET_ADDRESS, place)
        for _ in range(attempts.RESET_ADDRESS.most):
            attempts.count(session, attempts.RESET_ADDRESS, place)
    form = {"email": user.email if exists else f"{unique('nobody')}@example.com"}
    form["csrf_token"] = csrf_token(client)
    answer = client.post("/password-reset", data=form, environ_base={"REMOTE_ADDR": place})
    assert (answer.status_code, "Too many tries" in answer.text) == (429, True)
    assert 3590 <= int(answer.headers["Retry-After"]) <= 3600
    assert links_of(user) == 0


def test_reset_ends_the_sign_in_pause(client: FlaskClient) -> None:
    user = make_user()
    for _ in range(6):
        sign_in(client, user, "wrong")
    choose(client, link(user))
    assert sign_in(client, user, NEW) == 302


def test_reset_request_and_reset_are_recorded_without_the_token(
    app: Flask, client: FlaskClient
) -> None:
    workspace = make_workspace()
    user = make_member(workspace)
    ask(client, user.email)
    settle_accounts(app)
    token = link(user)
    choose(client, token)
    with factories.scoped(workspace.id) as session:
        rows = session.execute(
            select(events).where(events.c.workspace_id == workspace.id).order_by(events.c.seq)
        ).all()
    assert [row.activity for row in rows] == ["user.password_reset_request", "user.password_reset"]
    assert token not in str(rows)


def test_only_the_hash_of_a_token_is_stored() -> None:
    token = link(make_user())
    with factories.Sessions() as session:
        kept = session.scalars(select(PasswordReset.token_hash)).all()
    assert token.encode() not in b"".join(kept)


def test_reset_link_uses_the_base_url_whatever_the_host_header(client: FlaskClient) -> None:
    page = client.get("/password-reset", headers={"Host": "evil.example"})
    assert "evil.example" not in page.text
