"""The last day on /admin/system: what was noted by the hour, what failed, and what is unknown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import text

from auditsaas.db.platform import JOBS, platform_session
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.jobs import past_day
from auditsaas.jobs.queue import enqueue
from auditsaas.operations.figures import failures
from auditsaas.superadmin.hour_bars import HourBars
from config.celery import HOURS_KEY, QUEUES
from config.settings import Settings
from tests.support.factories import (
    append_events,
    as_owner,
    event_input,
    make_member,
    make_user,
    make_workspace,
    sign_in,
)
from tests.support.htmx import PARTIAL
from tests.support.importing import ask_for_import
from tests.support.workers import WorkerProcess, eventually

HOUR = timedelta(hours=1)


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    """Give a Redis in which nothing was noted."""
    with Redis.from_url(settings.redis_url) as server:
        for key in server.keys(f"{HOURS_KEY}*"):
            server.delete(key)
        yield server
        for key in server.keys(f"{HOURS_KEY}*"):
            server.delete(key)


@pytest.fixture
def above(client: FlaskClient) -> FlaskClient:
    sign_in(client, make_user(is_super_admin=True))
    return client


def shown(client: FlaskClient) -> dict[str, list[str]]:
    """Read what the cells of each figure say."""
    page = client.get("/admin/system").text
    rows = re.findall(r'<tr data-figure="([^"]+)">(.*?)</tr>', page, re.DOTALL)
    cells = {name: re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for name, row in rows}
    return {
        name: [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in found]
        for name, found in cells.items()
    }


def test_longest_wait_of_each_hour_is_kept(redis: Redis) -> None:
    for seconds in (0.2, 40.0, 3.0, -5.0):
        past_day.note_wait(redis, "quick", seconds)
    day = past_day.read(redis, datetime.now(UTC))
    assert day.waits["quick"][-1] == 40.0
    assert set(day.waits["quick"][:-1]) == {None}
    assert day.waits["heavy"] == [*[None] * (past_day.HOURS - 1), 0]


def test_events_stored_are_the_growth_between_hours(redis: Redis) -> None:
    now = datetime.now(UTC)
    hours = past_day.hours_until(now)
    for hour, total in ((hours[20], 1000), (hours[21], 1250), (hours[22], 900), (hours[23], 907)):
        redis.set(past_day._key(past_day._hour_of(hour.timestamp()), "stored"), total)
    assert past_day.read(redis, now).stored[20:] == [None, 250, None, 7]


def test_pace_is_measured_over_minutes_and_unknown_once_notes_are_old(redis: Redis) -> None:
    now = datetime.now(UTC)
    for back, total in ((300, 100), (60, 500)):
        redis.lpush(past_day._MINUTES_KEY, f"{now.timestamp() - back:.0f} {total}")
    assert past_day.read(redis, now).per_minute == pytest.approx(100)
    assert past_day.read(redis, now + past_day.STALE).per_minute is None


def test_notes_are_bounded_and_expire(redis: Redis) -> None:
    for total in range(40):
        past_day.note_stored(redis, total)
    past_day.note_wait(redis, "quick", 1.0)
    assert redis.llen(past_day._MINUTES_KEY) == past_day.MINUTES + 1
    keys = redis.keys(f"{HOURS_KEY}*")
    assert len(keys) == 3
    assert all(0 < redis.ttl(key) <= past_day.KEPT.total_seconds() for key in keys)


def test_worker_notes_its_wait_and_what_all_logs_have_stored(
    app: Flask, worker: WorkerProcess, worker_settings: Settings
) -> None:
    del worker
    append_events(make_workspace(), [event_input()] * 5)
    with app.app_context():
        assert enqueue("figures.note")
    with Redis.from_url(worker_settings.redis_url) as server:
        [noted] = eventually(lambda: server.lrange(past_day._MINUTES_KEY, 0, -1) or None, "a note")
        waits = past_day.read(server, datetime.now(UTC)).waits
    assert int(noted.split()[1]) >= 5
    assert waits["quick"][-1] is not None
    assert 0 < waits["quick"][-1] < 600
    assert waits["heavy"][-1] == 0


def test_failures_are_counted_in_their_hours(app: Flask) -> None:
    acme, now = make_workspace(), datetime.now(UTC)
    person = make_member(acme)
    hours = past_day.hours_until(now)
    with app.app_context(), platform_session(JOBS) as session:
        before = failures.by_hour(session, hours)
    asked = [ask_for_import(app, person, acme, b"x") for _ in range(3)]
    ends = (hours[0] - HOUR, hours[5], hours[5] + HOUR / 2)
    with as_owner(acme.id) as owner:
        for identity, at in zip(asked, ends, strict=True):
            owner.execute(
                text("UPDATE imports SET state = 'failed', finished_at = :at WHERE id = :id"),
                {"at": at, "id": identity},
            )
        owner.commit()
    with app.app_context(), platform_session(JOBS) as session:
        after = failures.by_hour(session, hours)
    assert [b - a for a, b in zip(before["imports"], after["imports"], strict=True)] == [
        2 if at == 5 else 0 for at in range(past_day.HOURS)
    ]


def test_day_without_notes_is_unknown_and_never_zero(above: FlaskClient, redis: Redis) -> None:
    found = shown(above)
    noted = ("Events stored", *(f"Longest wait in {queue}" for queue in QUEUES))
    assert {name: found[name][1:] for name in noted} == {
        name: ["Unknown", "", "Unknown"] for name in noted
    }


def test_day_is_shown_in_words_beside_its_bars(above: FlaskClient, redis: Redis) -> None:
    past_day.note_wait(redis, "heavy", 300)
    found = shown(above)
    assert found["Longest wait in heavy"][1:] == ["5 min", "", "5 min 23 of 24 hours unknown"]
    assert found["Longest wait in quick"][1:] == ["None", "", "None 23 of 24 hours unknown"]
    assert "hx-trigger" in above.get("/admin/system", headers=PARTIAL).text


def test_fragment_is_no_second_look(above: FlaskClient) -> None:
    def looks() -> int:
        with as_owner(SYSTEM_WORKSPACE_ID) as owner:
            seen = text("SELECT count(*) FROM events WHERE activity = 'platform.view'")
            return int(owner.scalar(seen) or 0)

    above.get("/admin/system")
    before = looks()
    answer = above.get("/admin/system", headers=PARTIAL)
    assert answer.text.lstrip().startswith("<div")
    assert looks() == before
    above.get("/admin/system")
    assert looks() == before + 1


def test_bars_show_what_is_known_alone() -> None:
    bars = HourBars([None, 0, 4, 0.001])
    assert bars.unknown == 1
    assert bars.outline == "M16 23h6v-22.0h-6zM24 23h6v-1.0h-6z"
    assert bars.ground == "M8 23h6M16 23h6M24 23h6"
