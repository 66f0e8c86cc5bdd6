"""What strangers cannot take from a person by guessing and asking: sign-ins, and reset links."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from auditsaas.accounts import attempts, devices, encryption, kept_requests
from auditsaas.accounts.kept_requests import KeptRequest
from auditsaas.accounts.models import PasswordReset, User
from auditsaas.app import create_app
from config.secret_keys import SecretKeys
from config.settings import Settings
from tests.support import factories
from tests.support.factories import PASSWORD, csrf_token, make_user, unique
from tests.support.outside import settle_accounts

OFFICE = "198.51.100.10"
STRANGER = "203.0.113.66"


def sign_in(
    client: FlaskClient, email: str, password: str = PASSWORD, place: str = OFFICE
) -> TestResponse:
    form = {"email": email, "password": password, "csrf_token": csrf_token(client)}
    return client.post("/login", data=form, environ_base={"REMOTE_ADDR": place})


def ask(client: FlaskClient, email: str, place: str = OFFICE) -> TestResponse:
    form = {"email": email, "csrf_token": csrf_token(client)}
    return client.post("/password-reset", data=form, environ_base={"REMOTE_ADDR": place})


def fill(limit: attempts.Limit, who: str) -> None:
    with factories.Sessions.begin() as session:
        for _ in range(limit.most):
            attempts.count(session, limit, who)


@pytest.fixture
def user() -> User:
    return make_user()


@pytest.fixture
def known(app: Flask, user: User) -> FlaskClient:
    """The person's own browser, signed out again."""
    browser = app.test_client()
    with factories.Sessions.begin() as session:
        attempts.forget(session, attempts.ADDRESS, OFFICE)
    assert sign_in(browser, user.email).status_code == 302
    browser.post("/logout", data={"csrf_token": csrf_token(browser)})
    return browser


def test_guesses_of_a_stranger_pause_the_stranger_alone(app: Flask, user: User) -> None:
    guesses = [sign_in(app.test_client(), user.email, "wrong", STRANGER) for _ in range(6)]
    assert guesses[-1].status_code == 429
    assert sign_in(app.test_client(), user.email, place="198.51.100.200").status_code == 302


def test_one_place_never_pauses_an_account_anywhere(app: Flask, user: User) -> None:
    for _ in range(attempts.ACCOUNT_ANYWHERE.most + 5):
        with factories.Sessions.begin() as session:
            origin = attempts.Origin(unique(STRANGER))
            for _ in range(2):
                attempts.count_sign_in(session, unique("other"), origin)
            attempts.count_sign_in(session, user.email, attempts.Origin(STRANGER))
    assert sign_in(app.test_client(), user.email, place="198.51.100.201").status_code == 302


def test_guesses_from_many_places_pause_unknown_browsers(
    app: Flask, user: User, known: FlaskClient
) -> None:
    with factories.Sessions.begin() as session:
        for number in range(attempts.ACCOUNT_ANYWHERE.most):
            attempts.count_sign_in(session, user.email, attempts.Origin(f"bot {number}"))
    refused = sign_in(app.test_client(), user.email, place="198.51.100.202")
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 3_500
    assert sign_in(known, user.email, place="198.51.100.202").status_code == 302


def test_known_device_signs_in_from_a_place_that_is_paused(
    app: Flask, user: User, known: FlaskClient
) -> None:
    fill(attempts.ADDRESS, OFFICE)
    assert sign_in(app.test_client(), user.email).status_code == 429
    assert sign_in(known, user.email).status_code == 302


def test_guesses_on_a_known_device_are_paused_too(known: FlaskClient, user: User) -> None:
    answers = [sign_in(known, user.email, "wrong").status_code for _ in range(6)]
    assert answers == [401] * 5 + [429]
    assert sign_in(known, user.email).status_code == 429


def test_device_is_known_to_its_own_accounts_only(known: FlaskClient, user: User) -> None:
    other = make_user()
    fill(attempts.ADDRESS, OFFICE)
    assert sign_in(known, other.email).status_code == 429
    assert sign_in(known, user.email).status_code == 302


def test_passkeys_are_not_paused_by_wrong_passwords(app: Flask) -> None:
    fill(attempts.ADDRESS, OFFICE)
    browser = app.test_client()
    form = {"credential": "{}", "csrf_token": csrf_token(browser)}
    answer = browser.post("/login/passkey", data=form, environ_base={"REMOTE_ADDR": OFFICE})
    assert answer.status_code == 401


def test_stranger_with_the_password_does_not_pause_the_code_of_a_known_device(
    app: Flask, known: FlaskClient, user: User, settings: Settings
) -> None:
    secret = pyotp.random_base32()
    with factories.Sessions.begin() as session:
        stored = session.get_one(User, user.id)
        stored.totp_secret = encryption.seal(settings.secret_keys, secret)
        stored.totp_confirmed_at = datetime.now(UTC)
    thief = app.test_client()
    sign_in(thief, user.email, place=STRANGER)
    codes = [give_code(thief, f"{guess:06d}") for guess in range(6)]
    assert codes[-1] == 429
    sign_in(known, user.email)
    assert give_code(known, pyotp.TOTP(secret).now()) == 302


def give_code(client: FlaskClient, code: str) -> int:
    form = {"code": code, "csrf_token": csrf_token(client)}
    return client.post("/login/second-factor", data=form).status_code


def test_several_people_share_a_known_browser(known: FlaskClient, user: User) -> None:
    other = make_user()
    assert sign_in(known, other.email).status_code == 302
    fill(attempts.ADDRESS, OFFICE)
    assert sign_in(known, user.email).status_code == 302
    assert sign_in(known, other.email).status_code == 302


@pytest.mark.parametrize("forged", ["", "x", "é", "A" * 5_000, "other key", "cut"])
def test_forged_device_cookie_opens_no_way_round(
    app: Flask, known: FlaskClient, user: User, forged: str
) -> None:
    cookie = known.get_cookie("device")
    assert cookie is not None
    made = devices.written(
        SecretKeys("another key " * 4), devices.Devices().with_account(user.email)
    )
    browser = app.test_client()
    browser.set_cookie("device", {"other key": made, "cut": cookie.value[:-4]}.get(forged, forged))
    fill(attempts.ADDRESS, OFFICE)
    assert sign_in(browser, user.email).status_code == 429


def test_device_cookie_is_sealed_and_no_script_reads_it(
    app: Flask, user: User, settings: Settings
) -> None:
    cookies = sign_in(app.test_client(), user.email, place="198.51.100.206").headers.getlist(
        "Set-Cookie"
    )
    [cookie] = [one for one in cookies if one.startswith("device=")]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "@" not in cookie
    value = cookie.partition("=")[2].partition(";")[0]
    assert devices.read(settings.secret_keys, value).of(user.email.upper()) is not None


def test_device_cookie_is_for_https_alone_where_pages_are(settings: Settings, user: User) -> None:
    here = "https://logs.example.com"
    browser = create_app(replace(settings, base_url=here)).test_client()
    token = re.search(
        r'name="csrf_token" value="([^"]+)"', browser.get("/login", base_url=here).text
    )
    assert token is not None
    form = {"email": user.email, "password": PASSWORD, "csrf_token": token[1]}
    place = {"REMOTE_ADDR": "198.51.100.207"}
    answer = browser.post(
        "/login", data=form, base_url=here, headers={"Referer": f"{here}/"}, environ_base=place
    )
    [cookie] = [one for one in answer.headers.getlist("Set-Cookie") if "device=" in one]
    assert cookie.startswith("__Host-device=")
    assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))


def test_device_stays_known_while_the_key_is_changed(user: User) -> None:
    before, after = SecretKeys("a first key " * 4), "a second key " * 4
    cookie = devices.written(before, devices.Devices().with_account(user.email))
    known = devices.read(SecretKeys(after, (before.current,)), cookie)
    assert known.of(user.email) is not None
    assert devices.read(SecretKeys(after), cookie).of(user.email) is None


def test_refused_sign_in_makes_no_known_device(app: Flask, user: User) -> None:
    browser = app.test_client()
    sign_in(browser, user.email, "wrong")
    assert browser.get_cookie("device") is None


def test_browser_is_known_to_five_accounts_at_most() -> None:
    known = devices.Devices()
    for number in range(8):
        known = known.with_account(f"{number}@example.com")
    assert len(known.known) == devices.MOST_ACCOUNTS
    assert known.of("7@example.com") is not None
    assert known.of("2@example.com") is None


def test_seals_of_one_purpose_are_not_taken_for_another(user: User, settings: Settings) -> None:
    key = settings.secret_keys
    kept = kept_requests.seal(key, user.id, KeptRequest("GET", "/"))
    device = devices.written(key, devices.Devices().with_account(user.email))
    for other in (kept, encryption.seal(key, "[]"), encryption.seal(key, "JBSWY3DPEHPK3PXP")):
        assert devices.read(key, other).known == ()
    for other in (device, encryption.seal(key, "[]"), encryption.seal(key, "{}")):
        assert kept_requests.unseal(key, user.id, other) is None


def links_of(user: User) -> int:
    with factories.Sessions() as session:
        counted = select(func.count()).where(PasswordReset.user_id == user.id)
        return session.scalar(counted) or 0


def test_stranger_does_not_use_up_the_links_of_a_person(app: Flask, user: User) -> None:
    for _ in range(5):
        ask(app.test_client(), user.email, STRANGER)
    assert ask(app.test_client(), user.email, "198.51.100.203").status_code == 200
    settle_accounts(app)
    assert links_of(user) == 4


def test_paused_links_are_told_and_not_silent(app: Flask, user: User, known: FlaskClient) -> None:
    for number in range(attempts.RESET_ANYWHERE.most):
        ask(app.test_client(), user.email, f"192.0.2.{number + 100}")
    refused = ask(app.test_client(), user.email, "198.51.100.204")
    assert (refused.status_code, "Too many tries" in refused.text) == (429, True)
    assert ask(known, user.email, "198.51.100.204").status_code == 200


def test_link_of_a_stranger_does_not_end_the_one_before(app: Flask, user: User) -> None:
    ask(app.test_client(), user.email, "198.51.100.205")
    settle_accounts(app)
    ask(app.test_client(), user.email, STRANGER)
    settle_accounts(app)
    assert links_of(user) == 2
