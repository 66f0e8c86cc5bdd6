"""Guessing the password or the code of a signed-in person, wherever either is asked again."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auditsaas.accounts import attempts, encryption, second_factor
from auditsaas.accounts.models import User
from config.settings import Settings
from tests.support import factories
from tests.support.asking import confirm
from tests.support.factories import PASSWORD, csrf_token, make_member, make_workspace

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
REMOVE = "/account/security/second-factor/remove"


@pytest.fixture
def user(client: FlaskClient, settings: Settings) -> User:
    """A person with a second factor, signed in by the password alone."""
    made = make_member(make_workspace())
    factories.sign_in(client, made)
    with factories.Sessions.begin() as session:
        stored = session.get_one(User, made.id)
        stored.totp_secret = encryption.seal(settings.secret_keys, SECRET)
        stored.totp_confirmed_at = datetime.now(UTC)
    return made


def post(client: FlaskClient, address: str, **fields: str) -> TestResponse:
    return client.post(address, data=fields | {"csrf_token": csrf_token(client)})


def remove(client: FlaskClient, code: str, password: str = PASSWORD) -> TestResponse:
    return post(client, REMOVE, code=code, password=password)


def confirm_by(client: FlaskClient, **given: str) -> TestResponse:
    return confirm(client, client.get("/account/confirm"), **given)


def code() -> str:
    return pyotp.TOTP(SECRET).now()


def password_tries(user: User) -> int:
    """How many tries of the password are held against the person."""
    with factories.Sessions() as session:
        left = attempts.count(session, attempts.PASSWORD, str(user.id)).left
    return attempts.PASSWORD.most - left - 1


WAYS: dict[str, Callable[[FlaskClient, str], TestResponse]] = {
    "remove": remove,
    "confirm": lambda client, code: confirm_by(client, code=code),
    "confirm with the password": lambda client, code: confirm_by(
        client, code=code, password=PASSWORD
    ),
}


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("way", WAYS)
def test_sixth_guess_of_a_code_is_refused_though_it_is_right(client: FlaskClient, way: str) -> None:
    guessed = [WAYS[way](client, f"{guess:06d}") for guess in range(5)]
    assert all("That code is not right" in answer.text for answer in guessed)
    answer = WAYS[way](client, code())
    assert (answer.status_code, "Too many tries" in answer.text) == (429, True)
    assert 890 <= int(answer.headers["Retry-After"]) <= 900


@pytest.mark.usefixtures("user")
def test_guesses_of_a_code_count_together_wherever_they_are_made(
    app: Flask, client: FlaskClient, user: User
) -> None:
    for guess in range(2):
        remove(client, f"{guess:06d}")
        confirm_by(client, code=f"{guess:06d}")
    other = app.test_client()
    post(other, "/login", email=user.email, password=PASSWORD)
    assert "No tries left" in post(other, "/login/second-factor", code="000009").text
    assert remove(client, code()).status_code == 429


def test_refused_code_counts_though_its_caller_rolls_back(user: User, settings: Settings) -> None:
    for _ in range(6):
        with factories.Sessions() as session:
            stored = session.get_one(User, user.id)
            standing = second_factor.refused(session, stored, "000000", settings.secret_keys)
            session.rollback()
    assert standing is not None
    assert standing.left == -1


def test_wrong_passwords_are_not_forgotten_while_the_code_is_wrong(
    client: FlaskClient, user: User
) -> None:
    for _ in range(3):
        remove(client, code(), password="wrong")
    remove(client, "000000")
    assert password_tries(user) == 3
    assert remove(client, code()).location == "/account/security?done=removed"
    assert password_tries(user) == 0


def test_wrong_passwords_are_not_forgotten_for_a_code_alone(
    client: FlaskClient, user: User
) -> None:
    for _ in range(3):
        confirm_by(client, password="wrong")
    confirm_by(client, code=code())
    assert password_tries(user) == 3
    confirm_by(client, password=PASSWORD)
    assert password_tries(user) == 0


@pytest.mark.usefixtures("user")
def test_weak_new_passwords_are_no_tries_of_the_password(client: FlaskClient, user: User) -> None:
    for _ in range(6):
        form = {"password": PASSWORD, "new_password": "password1234"}
        assert post(client, "/account/security/password", **form).status_code == 422
    assert password_tries(user) == 0


def test_sign_in_forgets_wrong_passwords_once_the_code_is_right(app: Flask, user: User) -> None:
    browser, at = app.test_client(), "/login"
    for _ in range(4):
        post(browser, at, email=user.email, password="wrong")
    post(browser, at, email=user.email, password=PASSWORD)
    assert "No tries left" in post(app.test_client(), at, email=user.email, password="wrong").text
    later = pyotp.TOTP(SECRET).at(int(time.time()) + 30)
    assert post(browser, "/login/second-factor", code=later).status_code == 302
    assert "4 tries" in post(app.test_client(), at, email=user.email, password="wrong").text
