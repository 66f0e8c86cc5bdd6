"""Forged passkey answers are refused."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from auditsaas.accounts.models import Passkey, User
from auditsaas.app import create_app
from auditsaas.events.models import events
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from config.settings import Settings
from tests.support import factories
from tests.support.factories import PASSWORD, csrf_token, make_user, unique
from tests.support.outside import settle_accounts

FORGED = [
    "",
    "null",
    "[]",
    "{}",
    "not json",
    '{"id": 1}',
    '{"id":"AA","rawId":"AA","type":"public-key","response":{}}',
    (
        '{"id":"AA","rawId":"AA","type":"public-key","response":'
        '{"clientDataJSON":"AA","authenticatorData":"AA","signature":"AA"}}'
    ),
    "\x00",
    "[" * 2000,
]


@pytest.fixture(scope="module")
def named(settings: Settings) -> Flask:
    return create_app(replace(settings, base_url="http://localhost:8000"))


@pytest.mark.parametrize("answer", FORGED)
def test_forged_assertion_is_refused(named: Flask, answer: str) -> None:
    client = named.test_client()
    token = csrf_token(client)
    asked = client.post("/login/passkey/options", data={"csrf_token": token})
    assert asked.json["rpId"] == "localhost"  # type: ignore[index]
    form = {"credential": answer, "csrf_token": token}
    assert client.post("/login/passkey", data=form).status_code == 401


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("answer", FORGED)
def test_forged_registration_adds_no_passkey(named: Flask, answer: str) -> None:
    client = named.test_client()
    factories.sign_in(client, make_user())
    token = csrf_token(client)
    client.post("/account/security/passkeys/options", data={"csrf_token": token})
    form = {"credential": answer, "password": PASSWORD, "csrf_token": token}
    answered = client.post("/account/security/passkeys", data=form)
    assert answered.status_code == 422
    assert "None. A passkey signs in" in answered.text


def with_passkey(user: User) -> str:
    """A passkey of the person's; what its button on the page sends."""
    identity = secrets.token_bytes(16)
    with factories.Sessions.begin() as session:
        session.add(
            Passkey(
                credential_id=identity,
                user_id=user.id,
                name="This laptop",
                public_key=b"key",
                sign_count=0,
                created_at=datetime.now(UTC),
            )
        )
    return bytes_to_base64url(identity)


@pytest.mark.usefixtures("engine")
def test_removing_a_passkey_needs_the_password_and_ownership(named: Flask) -> None:
    client, user = named.test_client(), make_user()
    factories.sign_in(client, user)
    mine, another = with_passkey(user), with_passkey(make_user())
    address, token = "/account/security/passkeys/remove", csrf_token(client)
    for passkey, password, kept in (
        (mine, "wrong", 2),
        (another, PASSWORD, 2),
        (mine, PASSWORD, 1),
    ):
        form = {"passkey": passkey, "password": password, "csrf_token": token}
        answer = client.post(address, data=form)
        assert answer.status_code == (422 if password == "wrong" else 303)
        ids = [base64url_to_bytes(name) for name in (mine, another)]
        with factories.Sessions() as session:
            found = session.scalars(select(Passkey).where(Passkey.credential_id.in_(ids))).all()
        assert len(found) == kept


def test_a_refused_passkey_is_an_event(named: Flask) -> None:
    client = named.test_client()
    agent = unique("agent")
    form = {"credential": FORGED[-3], "csrf_token": csrf_token(client)}
    client.post("/login/passkey", data=form, headers={"User-Agent": agent})
    settle_accounts(named)
    with factories.scoped(SYSTEM_WORKSPACE_ID) as session:
        event = session.execute(select(events).where(events.c.user_agent == agent)).one()
    assert (event.activity, event.status, event.status_code) == ("user.login", "error", 401)
    assert event.metadata == {"reason": "passkey"}


def test_assertion_without_a_challenge_is_refused(named: Flask) -> None:
    client = named.test_client()
    form = {"credential": FORGED[-3], "csrf_token": csrf_token(client)}
    assert "That took too long." in client.post("/login/passkey", data=form).text


def test_passkeys_are_unavailable_on_an_ip_address(client: FlaskClient) -> None:
    assert "Use a passkey" not in client.get("/login").text
    answer = client.post("/login/passkey/options", data={"csrf_token": csrf_token(client)})
    assert answer.status_code == 422
