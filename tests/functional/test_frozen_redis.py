"""Requests in flight while Redis freezes, flaps or is full."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
from flask import Flask
from sqlalchemy import select

from auditsaas.api import limits
from auditsaas.api.access import Rate
from auditsaas.app import create_app
from auditsaas.events.models import events
from auditsaas.quotas import meter
from auditsaas.quotas.meter import Meter, Window
from auditsaas.workspaces.models import Workspace
from config import embedded
from config.settings import Settings
from tests.support.engines import data_folder, frozen, in_flight, redis_processes
from tests.support.factories import event_input, make_api_key, scoped

ANSWERS = {200, 201, 429, 503}
PAUSE = threading.Event()


@pytest.fixture
def folder() -> Iterator[Path]:
    with data_folder() as made:
        yield made


@pytest.fixture
def own_redis(folder: Path) -> str:
    return embedded.start_redis(folder)


class Senders:
    """Send events to an application, and keep what it answered and acknowledged."""

    def __init__(self, app: Flask, key: str) -> None:
        self._app, self._key = app, key
        self.answers: Counter[int] = Counter()
        self.acknowledged: list[str] = []
        self._lock = threading.Lock()

    def send(self) -> None:
        answer = self._app.test_client().post(
            "/api/v1/events",
            json=event_input(),
            headers={"Authorization": f"Bearer {self._key}"},
        )
        with self._lock:
            self.answers[answer.status_code] += 1
            if answer.status_code == 201:
                assert answer.json is not None
                self.acknowledged += answer.json["ids"]


def senders(settings: Settings, redis_url: str, workspace: Workspace) -> Senders:
    app = create_app(dataclasses.replace(settings, redis_url=redis_url))
    return Senders(app, make_api_key(workspace))


def stored(workspace: Workspace) -> set[str]:
    with scoped(workspace.id) as session:
        return {str(id) for id in session.scalars(select(events.c.id))}


def freeze(folder: Path, sender: Senders, *, times: int, seconds: float) -> None:
    """Freeze Redis, so many times for so long, with 64 requests in flight."""
    sender.send()
    with in_flight(64, sender.send):
        for _ in range(times):
            with frozen(redis_processes(folder)):
                PAUSE.wait(seconds)
            PAUSE.wait(seconds / 5)


@pytest.mark.parametrize(("times", "seconds"), [(1, 5.0), (4, 0.5)])
def test_frozen_or_flapping_redis_fails_no_request_and_loses_no_event(
    settings: Settings, folder: Path, own_redis: str, acme: Workspace, times: int, seconds: float
) -> None:
    sender = senders(settings, own_redis, acme)
    freeze(folder, sender, times=times, seconds=seconds)
    assert set(sender.answers) <= ANSWERS, sender.answers
    assert sender.answers[201] > 64
    assert set(sender.acknowledged) <= stored(acme)


def test_limiter_without_a_count_of_its_own_fails_requests_while_redis_is_frozen(
    settings: Settings,
    folder: Path,
    own_redis: str,
    acme: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: the fault does harm where nothing is done against it."""

    def asked_each_time(self: Meter, name: str, amount: int, window: Window, **_: object) -> int:
        return self._shared(name, amount, window)

    monkeypatch.setattr(Meter, "add", asked_each_time)
    sender = senders(settings, own_redis, acme)
    freeze(folder, sender, times=1, seconds=1)
    assert sender.answers[500] > 0, sender.answers


def test_full_redis_fails_no_request(settings: Settings, own_redis: str, acme: Workspace) -> None:
    sender = senders(settings, own_redis, acme)
    with redis.Redis.from_url(own_redis) as server:
        server.config_set("maxmemory", "1mb")
    for _ in range(3):
        sender.send()
    assert sender.answers == {201: 3}


def test_limit_holds_while_redis_comes_and_goes(
    settings: Settings,
    folder: Path,
    own_redis: str,
    acme: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(limits.PER_MINUTE, Rate.INGEST, 4)
    minute = time.time()
    monkeypatch.setattr(limits, "time", lambda: minute)
    monkeypatch.setattr(meter, "REST_SECONDS", 0.0)
    sender = senders(settings, own_redis, acme)
    for away in (False, True, False, True):
        with ExitStack() as stack:
            if away:
                stack.enter_context(frozen(redis_processes(folder)))
            sender.send()
            sender.send()
    assert sender.answers == {201: 4, 429: 4}
