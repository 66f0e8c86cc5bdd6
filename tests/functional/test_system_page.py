"""/admin/system: what stands still or is full is pointed at."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, text

from auditsaas.jobs import liveness
from auditsaas.operations import readiness
from auditsaas.operations.figures import database_server, disks, seals
from auditsaas.workspaces.models import Workspace
from config.celery import BEAT_KEY, QUEUES, WORKERS_KEY
from config.settings import Settings
from tests.functional.test_full_database import FULL
from tests.support.factories import (
    append_events,
    as_owner,
    event_input,
    make_member,
    make_user,
    sign_in,
)
from tests.support.left_over import end_all_mails
from tests.support.scheduling import make_schedule

FINE = (
    "Database disk",
    "Clock",
    "Disk of storage",
    "Redis memory",
    "Mail server",
    "Scheduled reports",
)


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    """The queue server of an installation whose processes all run."""
    keys = [WORKERS_KEY, *(f"{WORKERS_KEY}:{queue}" for queue in QUEUES)]
    with Redis.from_url(settings.redis_url) as server:
        liveness.note_worker(server, "all@here", QUEUES)
        liveness.note_beat(server)
        yield server
        server.config_set("maxmemory", 0)
        server.delete(*keys, BEAT_KEY)


@pytest.fixture
def above(client: FlaskClient) -> FlaskClient:
    sign_in(client, make_user(is_super_admin=True))
    return client


def parts(client: FlaskClient) -> dict[str, tuple[str, str]]:
    """What is said of each part, and whether it is fine."""
    page = client.get("/admin/system").text
    rows = r'data-part="([^"]+)"\s+data-fine="(yes|no)".*?<td class="num">([^<]+)</td>'
    return {name: (words, fine) for name, fine, words in re.findall(rows, page, re.DOTALL)}


@pytest.fixture
def _no_mail_waits(owner_engine: Engine) -> None:
    """Mails of earlier tests have waited for long, for no worker sends them."""
    end_all_mails(owner_engine)


@pytest.mark.usefixtures("redis", "no_other_schedules", "_no_mail_waits")
def test_running_installation_is_fine(above: FlaskClient) -> None:
    shown = parts(above)
    running = (*(f"Workers of {queue}" for queue in QUEUES), "Workers", "Beat")
    assert [name for name in (*running, *FINE) if shown[name][1] != "yes"] == []


def test_queue_without_a_worker_is_pointed_at(above: FlaskClient, redis: Redis) -> None:
    redis.zadd(f"{WORKERS_KEY}:heavy", {"all@here": redis.time()[0] - 11})
    shown = parts(above)
    assert shown["Workers of heavy"] == ("None is alive", "no")
    assert shown["Workers of quick"] == ("1 alive", "yes")


def test_beat_that_is_silent_for_half_a_minute_is_pointed_at(
    above: FlaskClient, redis: Redis
) -> None:
    redis.set(BEAT_KEY, redis.time()[0] - 31)
    assert parts(above)["Beat"] == ("Ticked", "no")


def test_redis_that_is_full_is_pointed_at(above: FlaskClient, redis: Redis) -> None:
    redis.config_set("maxmemory", redis.info("memory")["used_memory"])
    assert parts(above)["Redis memory"][1] == "no"


@pytest.mark.usefixtures("redis")
def test_full_disks_are_pointed_at(above: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "SPILL", text(FULL))
    monkeypatch.setattr(disks, "SCARCE", 1.1)
    shown = parts(above)
    assert shown["Database disk"] == ("Is full", "no")
    assert shown["Disk of storage"][1] == "no"


@pytest.mark.usefixtures("redis", "no_other_schedules")
def test_overdue_report_is_pointed_at(above: FlaskClient, workspace: Workspace) -> None:
    make_schedule(workspace, make_member(workspace), datetime(2026, 1, 5, tzinfo=UTC))
    assert parts(above)["Scheduled reports"] == ("1 overdue", "no")


@pytest.mark.parametrize(("seconds", "way"), [(90, "Ahead of"), (-90, "Behind")])
def test_clock_that_differs_is_pointed_at(
    above: FlaskClient, monkeypatch: pytest.MonkeyPatch, seconds: int, way: str
) -> None:
    monkeypatch.setattr(database_server, "this_clock", lambda: time.time() + seconds)
    words, fine = parts(above)["Clock"]
    assert (words.startswith(f"{way} the database"), fine) == (True, "no")


@pytest.mark.usefixtures("redis")
def test_log_that_waits_for_its_seal_is_pointed_at(
    above: FlaskClient, workspace: Workspace, owner_engine: Engine
) -> None:
    append_events(workspace, [event_input()])
    waited = text(
        "UPDATE log_heads SET last_received_at = last_received_at - interval '2 minutes'"
        " WHERE workspace_id = :id"
    )
    with as_owner(workspace.id) as session:
        session.execute(waited, {"id": workspace.id})
        session.commit()
    words, fine = parts(above)["Seals"]
    assert "behind" in words
    assert fine == "no"


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({}, "3 logs, all sealed"),
        ({"behind": 1}, "3 logs, 1 behind"),
        ({"forked": 1, "differences": 1}, "3 logs, 1 forked, 1 difference not acknowledged"),
    ],
)
def test_seals_are_said_in_words(counts: dict[str, int], words: str) -> None:
    none = {"logs": 3, "behind": 0, "forked": 0, "differences": 0}
    none |= {"events_behind": 0, "events_sealed": 9}
    made = seals.Seals(**{**none, **counts}, oldest=None)
    assert (made.words, made.fine) == (words, not counts)
