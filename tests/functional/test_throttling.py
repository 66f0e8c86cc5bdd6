"""Too many tries at signing in: the same for accounts that exist and those that do not."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from auditsaas.accounts import attempts
from auditsaas.accounts.attempts import Limit, network_of
from auditsaas.app import create_app
from auditsaas.events.models import events
from config.settings import Settings
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

WRONG = "not the right password"
NOW = datetime(2026, 11, 19, 12, tzinfo=UTC)


def attempt(
    client: FlaskClient, email: str, password: str = WRONG, address: str = "192.0.2.1"
) -> TestResponse:
    return client.post(
        "/login",
        data={"email": email, "password": password, "csrf_token": csrf_token(client)},
        environ_base={"REMOTE_ADDR": address},
    )


@pytest.mark.parametrize("exists", [True, False])
def test_five_wrong_passwords_pause_an_account(client: FlaskClient, exists: bool) -> None:
    email = make_user().email if exists else f"{unique('nobody')}@example.com"
    words = [attempt(client, email).text for _ in range(5)]
    assert "4 tries left before a 15-minute pause." in words[0]
    assert "1 try left" in words[3]
    assert "No tries left" in words[4]
    answer = attempt(client, email, PASSWORD)
    assert answer.status_code == 429
    assert "Try again in 15 minutes." in answer.text
    assert 890 <= int(answer.headers["Retry-After"]) <= 900


def test_pause_applies_per_account_in_any_spelling(client: FlaskClient) -> None:
    user, other = make_user(), make_user()
    for _ in range(6):
        attempt(client, user.email)
    assert attempt(client, f" {user.email.upper()} ", PASSWORD).status_code == 429
    assert attempt(client, other.email, PASSWORD).status_code == 302


def test_right_password_resets_the_count(client: FlaskClient) -> None:
    user = make_user()
    for _ in range(3):
        for _ in range(4):
            assert attempt(client, user.email).status_code == 401
        assert attempt(client, user.email, PASSWORD).status_code == 302


def test_attempts_on_many_accounts_from_one_address_are_paused(client: FlaskClient) -> None:
    place = "198.51.100.77"
    with factories.Sessions.begin() as session:
        for _ in range(attempts.ADDRESS.most):
            attempts.count(session, attempts.ADDRESS, place)
    user = make_user()
    assert attempt(client, user.email, PASSWORD, place).status_code == 429
    assert attempt(client, user.email, PASSWORD, "198.51.100.78").status_code == 302


def test_ipv6_addresses_of_one_64_prefix_share_a_limit() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert network_of("192.0.2.1") == "192.0.2.1"
    assert network_of(None) == ""


def test_forwarding_header_does_not_evade_the_limit(client: FlaskClient) -> None:
    email = f"{unique('nobody')}@example.com"
    place = "198.51.100.99"
    with factories.Sessions.begin() as session:
        for _ in range(attempts.ADDRESS.most):
            attempts.count(session, attempts.ADDRESS, place)
    answer = client.post(
        "/login",
        data={"email": email, "password": "x", "csrf_token": csrf_token(client)},
        headers={"X-Forwarded-For": "203.0.113.200"},
        environ_base={"REMOTE_ADDR": place},
    )
    assert answer.status_code == 429


def test_pause_ends_and_attempts_are_forgotten(session: Session) -> None:
    limit, who = Limit("test", 2, timedelta(minutes=15)), unique("who")
    left = [attempts.count(session, limit, who, NOW).left for _ in range(4)]
    assert left == [1, 0, -1, -2]
    late = NOW + timedelta(minutes=15)
    assert attempts.count(session, limit, who, late - timedelta(seconds=1)).paused
    assert attempts.count(session, limit, who, late).left == 1


def test_pause_starts_at_the_last_allowed_attempt(session: Session) -> None:
    limit, who = Limit("test", 2), unique("who")
    attempts.count(session, limit, who, NOW)
    attempts.count(session, limit, who, NOW + timedelta(minutes=14))
    standing = attempts.count(session, limit, who, NOW + timedelta(minutes=15))
    assert (standing.paused, standing.seconds) == (True, 14 * 60)


def test_twenty_concurrent_attempts_are_all_counted(app: Flask) -> None:
    user = make_user()
    clients = [app.test_client() for _ in range(20)]
    tokens = [csrf_token(one) for one in clients]

    def go(i: int) -> int:
        data = {"email": user.email, "password": "wrong", "csrf_token": tokens[i]}
        return clients[i].post("/login", data=data).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(go, range(20)))
    assert (answers.count(401), answers.count(429)) == (5, 15)


def test_a_pause_is_recorded_once(app: Flask, client: FlaskClient) -> None:
    workspace = make_workspace()
    user = make_member(workspace)
    for _ in range(8):
        attempt(client, user.email)
    settle_accounts(app)
    with factories.scoped(workspace.id) as session:
        reasons = session.scalars(
            select(events.c.metadata)
            .where(events.c.workspace_id == workspace.id)
            .order_by(events.c.seq)
        ).all()
    assert [reason["reason"] for reason in reasons] == ["password"] * 5 + ["too_often"]


def test_the_limit_holds_without_redis(settings: Settings) -> None:
    away = dataclasses.replace(settings, redis_url="redis://127.0.0.1:1/0")
    client = create_app(away).test_client()
    email = make_user().email
    assert [attempt(client, email).status_code for _ in range(6)] == [401] * 5 + [429]
