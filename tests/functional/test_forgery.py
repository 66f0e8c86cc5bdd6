"""Forged hosts, addresses, cookies and tokens: what a request claims of itself is not believed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from auditsaas.accounts import resets
from auditsaas.accounts.models import SignInSession, User
from auditsaas.app import create_app
from auditsaas.mail import outbox
from auditsaas.mail.models import Mail
from config.settings import Settings
from tests.support import factories
from tests.support.factories import PASSWORD, csrf_token, make_user, unique
from tests.support.outside import settle_accounts

HOPS = "203.0.113.66, 198.51.100.7"
"""What a forger wrote, and the address that our own proxy saw and appended."""


def ip_after_sign_in(app: Flask) -> str:
    client, user = app.test_client(), make_user()
    answer = client.post(
        "/login",
        data={"email": user.email, "password": PASSWORD, "csrf_token": csrf_token(client)},
        headers={"X-Forwarded-For": HOPS},
        environ_base={"REMOTE_ADDR": "127.0.0.1"},
    )
    assert answer.status_code == 302
    with factories.Sessions() as session:
        found = session.scalar(select(SignInSession.ip).where(SignInSession.user_id == user.id))
    return str(found)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(("proxies", "address"), [(0, "127.0.0.1"), (1, "198.51.100.7")])
def test_forwarded_address_is_believed_only_from_trusted_proxies(
    settings: Settings, proxies: int, address: str
) -> None:
    assert ip_after_sign_in(create_app(replace(settings, trusted_proxies=proxies))) == address


@pytest.mark.parametrize("host", ["evil.example", "audit.example.com.evil.example", "audit"])
def test_a_forged_host_is_refused_in_production(settings: Settings, host: str) -> None:
    app = create_app(replace(settings, production=True, base_url="https://audit.example.com"))
    client = app.test_client()
    assert client.get("/login", headers={"Host": host}).status_code == 400
    assert client.get("/login", headers={"Host": "audit.example.com"}).status_code == 200


def test_a_forwarded_host_changes_no_page_and_no_redirect(client: FlaskClient) -> None:
    headers = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    assert "evil.example" not in client.get("/login", headers=headers).text
    assert client.get("/audit-logs", headers=headers).location.startswith("/login")


@pytest.mark.parametrize(
    "cookie", ["", "x", "A" * 43, "A" * 3000, "../../etc/passwd", "%00" * 15, "é" * 43]
)
def test_forged_session_cookie_is_signed_out(client: FlaskClient, cookie: str) -> None:
    client.set_cookie("session", cookie)
    assert client.get("/audit-logs").location.startswith("/login")


def test_signed_out_forms_need_a_csrf_token_of_the_same_browser(
    app: Flask, client: FlaskClient
) -> None:
    user = make_user()
    with factories.Sessions.begin() as session:
        token = resets.begin(session, session.get_one(User, user.id))
    stolen = csrf_token(app.test_client())
    csrf_token(client)
    for address in ("/password-reset", f"/password-reset/{token}", "/invitations/x", "/login"):
        for forged in (None, "", "x", stolen):
            form = {"email": user.email, "password": PASSWORD}
            if forged is not None:
                form["csrf_token"] = forged
            answer = client.post(address, data=form)
            assert answer.status_code == 400, address
            assert "Page out of date" in answer.text


def test_csrf_token_in_the_url_is_refused(client: FlaskClient) -> None:
    factories.sign_in(client, make_user())
    answer = client.post(f"/logout?csrf_token={csrf_token(client)}")
    assert answer.status_code == 400


def test_mail_links_use_the_base_url_whatever_the_host_header(
    app: Flask, client: FlaskClient
) -> None:
    user = make_user(email=f"{unique('ann')}@example.com")
    data = {"email": user.email, "csrf_token": csrf_token(client)}
    client.post("/password-reset", data=data)
    settle_accounts(app)
    keys = app.extensions["settings"].secret_keys
    with factories.scoped(user=user.id) as session:
        mail = session.scalars(select(Mail).where(Mail.user_id == user.id)).one()
        assert outbox.context_of(session, mail, keys)["url"].startswith("/password-reset/")
