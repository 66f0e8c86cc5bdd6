"""Requests a minute of one key, with Redis, without it, and with one that has stopped answering."""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auditsaas.api import limits
from auditsaas.api.access import Rate
from auditsaas.api.limits import PER_MINUTE
from auditsaas.app import create_app
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.factories import event_input, make_api_key


@pytest.fixture
def three_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the minute does not end while a test counts."""
    started = time.time()
    monkeypatch.setattr(limits, "time", lambda: started)
    for rate in Rate:
        monkeypatch.setitem(PER_MINUTE, rate, 3)


@pytest.fixture
def deaf_redis() -> Iterator[str]:
    """The address of something that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def no_redis() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"redis://127.0.0.1:{port}"


def app_with(settings: Settings, redis_url: str) -> Flask:
    made = create_app(dataclasses.replace(settings, redis_url=redis_url))
    made.testing = True
    return made


def post(client: FlaskClient, key: str) -> TestResponse:
    return client.post(
        "/api/v1/events", json=event_input(), headers={"Authorization": f"Bearer {key}"}
    )


def read(client: FlaskClient, key: str) -> TestResponse:
    return client.get("/api/v1/events", headers={"Authorization": f"Bearer {key}"})


@pytest.mark.usefixtures("three_a_minute")
def test_every_answer_has_the_remaining_rate_limit(client: FlaskClient, key: str) -> None:
    first, second = post(client, key), post(client, key)
    assert first.headers["RateLimit-Limit"] == str(PER_MINUTE[Rate.INGEST])
    left = [int(answer.headers["RateLimit-Remaining"]) for answer in (first, second)]
    assert left == [PER_MINUTE[Rate.INGEST] - 1, PER_MINUTE[Rate.INGEST] - 2]
    assert 0 < int(first.headers["RateLimit-Reset"]) <= 60
    assert "Retry-After" not in first.headers


@pytest.mark.usefixtures("three_a_minute")
def test_key_over_the_limit_gets_429_with_retry_after(client: FlaskClient, key: str) -> None:
    answers = [post(client, key) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429, 429]
    refused = answers[-1]
    assert refused.mimetype == "application/problem+json"
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["RateLimit-Remaining"] == "0"


@pytest.mark.usefixtures("three_a_minute")
def test_rate_limits_are_separate_per_key_and_kind_of_call(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    other = make_api_key(acme)
    for _ in range(4):
        post(client, key)
    assert read(client, key).status_code == 200
    assert post(client, other).status_code == 201


@pytest.mark.usefixtures("three_a_minute")
def test_wrong_secret_does_not_use_up_the_keys_rate_limit(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    from auditsaas.workspaces.api_keys import _checksum

    body = key[:17] + "0" * 32
    for _ in range(5):
        assert post(client, body + _checksum(body)).status_code in (401, 429)
    assert post(client, key).status_code == 201


@pytest.mark.usefixtures("three_a_minute")
def test_rate_limit_holds_without_redis(settings: Settings, key: str, no_redis: str) -> None:
    client = app_with(settings, no_redis).test_client()
    answers = [post(client, key) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429, 429]
    assert "RateLimit-Remaining" in answers[0].headers


@pytest.mark.usefixtures("three_a_minute")
def test_unresponsive_redis_does_not_delay_the_answer(
    settings: Settings, key: str, deaf_redis: str
) -> None:
    client = app_with(settings, deaf_redis).test_client()
    started = time.monotonic()
    answers = [post(client, key) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429, 429]
    assert time.monotonic() - started < 2
