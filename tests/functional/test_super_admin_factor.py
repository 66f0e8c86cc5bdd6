"""Super-admins show a second factor or a passkey, always, before any page of theirs opens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient

from auditsaas.accounts import encryption, sessions
from auditsaas.accounts.models import Passkey, User
from tests.support.factories import PASSWORD, Sessions, csrf_token, make_user, unique


def post(client: FlaskClient, url: str, **fields: Any) -> Any:
    return client.post(url, data={"csrf_token": csrf_token(client), **fields})


@pytest.mark.parametrize("path", ["workspaces", "users", "audit-logs", "exports", "system"])
def test_super_admin_without_a_second_factor_opens_no_admin_page(
    client: FlaskClient, path: str
) -> None:
    user = make_user(is_super_admin=True)
    with Sessions.begin() as session:
        client.set_cookie("session", sessions.start(session, user.id))
    answer = client.get(f"/admin/{path}")
    assert answer.location == f"/account/security?needed=1&next=/admin/{path}"
    assert "Super-admins need a second factor" in client.get(answer.location).text
    headers = {"HX-Request": "true", "HX-Request-Type": "partial"}
    partial = client.get(f"/admin/{path}", headers=headers)
    assert (partial.status_code, partial.headers["HX-Redirect"]) == (403, "/account/security")


def test_super_admin_who_sets_up_a_second_factor_goes_on_to_the_page(
    app: Flask, client: FlaskClient
) -> None:
    user = make_user(is_super_admin=True)
    with Sessions.begin() as session:
        client.set_cookie("session", sessions.start(session, user.id))
    post(client, "/account/security/second-factor")
    with Sessions() as session:
        sealed = session.get_one(User, user.id).totp_secret
    assert sealed is not None
    secret = encryption.unseal(app.extensions["settings"].secret_keys, sealed)
    fields = {"code": pyotp.TOTP(secret).now(), "password": PASSWORD, "next": "/admin/system"}
    confirmed = post(client, "/account/security/second-factor/confirm", **fields)
    assert 'href="/admin/system"' in confirmed.text
    assert client.get("/admin/system").status_code == 200


def test_super_admin_with_a_passkey_is_asked_for_it(client: FlaskClient) -> None:
    user = make_user(is_super_admin=True)
    with Sessions.begin() as session:
        session.add(
            Passkey(
                credential_id=unique("key").encode(),
                user_id=user.id,
                name="Key",
                public_key=b"x",
                sign_count=0,
                created_at=datetime.now(UTC),
            )
        )
        client.set_cookie("session", sessions.start(session, user.id))
    answer = client.get("/admin/system")
    assert answer.location == "/account/confirm?needed=1&next=/admin/system"
