"""What is sent as a passkey and is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from auditsaas.app import create_app
from config.settings import Settings
from tests import factories
from tests.factories import PASSWORD, csrf_token, make_user

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
def test_a_forged_answer_signs_nobody_in(named: Flask, answer: str) -> None:
    client = named.test_client()
    token = csrf_token(client)
    asked = client.post("/login/passkey/options", data={"csrf_token": token})
    assert asked.json["rpId"] == "localhost"  # type: ignore[index]
    form = {"credential": answer, "csrf_token": token}
    assert client.post("/login/passkey", data=form).status_code == 401


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("answer", FORGED)
def test_a_forged_registration_adds_nothing(named: Flask, answer: str) -> None:
    client = named.test_client()
    factories.sign_in(client, make_user())
    token = csrf_token(client)
    client.post("/account/security/passkeys/options", data={"csrf_token": token})
    form = {"credential": answer, "password": PASSWORD, "csrf_token": token}
    answered = client.post("/account/security/passkeys", data=form)
    assert answered.status_code == 422
    assert "None. A passkey signs in" in answered.text


def test_an_answer_without_a_question_is_refused(named: Flask) -> None:
    client = named.test_client()
    form = {"credential": FORGED[-3], "csrf_token": csrf_token(client)}
    assert "That took too long." in client.post("/login/passkey", data=form).text


def test_by_a_bare_address_there_are_no_passkeys(client: FlaskClient) -> None:
    assert "Use a passkey" not in client.get("/login").text
    answer = client.post("/login/passkey/options", data={"csrf_token": csrf_token(client)})
    assert answer.status_code == 422
