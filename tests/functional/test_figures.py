"""The figures of /metrics, each moved by what it counts."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, text, update

from auditsaas.access.log_reading import Unrecorded
from auditsaas.accounts.models import User
from auditsaas.app import create_app
from auditsaas.db import failures, pools
from auditsaas.errors import DomainError
from auditsaas.jobs import liveness
from auditsaas.mail import outbox
from auditsaas.mail.models import Mail
from auditsaas.operations import readiness
from auditsaas.operations.figures import database_server
from auditsaas.workspaces.models import Workspace
from config.celery import BEAT_KEY, QUEUES, RUNS_KEY, WORKERS_KEY
from config.settings import Settings
from tests.functional.test_full_database import FULL
from tests.functional.test_metrics import figures
from tests.support.factories import make_member, make_user, make_workspace, scoped, sign_in, unique
from tests.support.scheduling import make_schedule
from tests.support.workers import eventually

LONG_AGO = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    """The queue server, without a heartbeat of any process."""
    with Redis.from_url(settings.redis_url) as server:
        keys = [*(f"{WORKERS_KEY}:{queue}" for queue in QUEUES), WORKERS_KEY, BEAT_KEY, RUNS_KEY]
        server.delete(*keys)
        yield server
        server.delete(*keys)


def test_live_workers_are_counted_by_queue(client: FlaskClient, redis: Redis) -> None:
    liveness.note_worker(redis, "one@here", ["quick", "heavy"])
    liveness.note_worker(redis, "two@here", ["quick"])
    found = figures(client)
    alive = {queue: found[f'auditsaas_workers{{queue="{queue}"}}'] for queue in QUEUES}
    assert alive == {"quick": 2, "heavy": 1, "imports": 0, "maintenance": 0, "tree": 0}


def test_silent_worker_is_not_counted(client: FlaskClient, redis: Redis) -> None:
    liveness.note_worker(redis, "one@here", ["quick"])
    redis.zadd(f"{WORKERS_KEY}:quick", {"one@here": redis.time()[0] - 11})
    assert figures(client)['auditsaas_workers{queue="quick"}'] == 0


def test_beat_and_runs_have_an_age_once_they_were_heard_of(
    client: FlaskClient, redis: Redis
) -> None:
    ages = ("auditsaas_beat_age_seconds", 'auditsaas_task_age_seconds{task="jobs.sweep"}')
    assert [figures(client).get(age) for age in ages] == [None, None]
    liveness.note_beat(redis)
    liveness.note_run(redis, "jobs.sweep")
    assert all(0 <= figures(client)[age] < 30 for age in ages)


def test_memory_of_redis_is_told_with_its_limit(client: FlaskClient, redis: Redis) -> None:
    redis.config_set("maxmemory", 512_000_000)
    try:
        found = figures(client)
    finally:
        redis.config_set("maxmemory", 0)
    assert found["auditsaas_redis_memory_max_bytes"] == 512_000_000
    assert 0 < found["auditsaas_redis_memory_used_bytes"] < 512_000_000


@pytest.fixture
def mail(workspace: Workspace) -> Mail:
    person = make_member(workspace)
    with scoped(user=person.id) as session:
        made = outbox.put(session, person.id, "export.ready", {})
        session.commit()
        session.refresh(made)
        session.expunge(made)
    return made


def test_mail_is_counted_waiting_and_then_retrying(
    client: FlaskClient, request: pytest.FixtureRequest
) -> None:
    waiting, retrying = (f'auditsaas_mails{{state="{s}"}}' for s in ("waiting", "retrying"))
    before = figures(client)
    mail: Mail = request.getfixturevalue("mail")
    there = figures(client)
    assert there[waiting] == before[waiting] + 1
    assert there["auditsaas_mail_oldest_seconds"] > 0
    with scoped(user=mail.user_id) as session:
        session.execute(update(Mail).where(Mail.id == mail.id).values(attempts=1))
        session.commit()
    after = figures(client)
    assert after[waiting] == before[waiting]
    assert after[retrying] == before[retrying] + 1


@pytest.mark.usefixtures("no_other_schedules")
def test_overdue_schedule_is_late(client: FlaskClient, workspace: Workspace) -> None:
    assert figures(client)["auditsaas_schedules_late"] == 0
    make_schedule(workspace, make_member(workspace), LONG_AGO)
    found = figures(client)
    assert found["auditsaas_schedules_late"] == 1
    assert found["auditsaas_schedule_lateness_seconds"] > timedelta(days=1).total_seconds()


def test_database_is_told_with_size_and_connections(client: FlaskClient) -> None:
    found = figures(client)
    assert found["auditsaas_database_size_bytes"] > 1_000_000
    used = found["auditsaas_database_connections"]
    assert 1 <= used <= found["auditsaas_database_connections_max"]
    assert found["auditsaas_database_takes_writes"] == 1


@pytest.mark.parametrize("seconds", [90, -90])
def test_clock_that_differs_from_the_database_is_told(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    ahead = "auditsaas_clock_ahead_seconds"
    assert abs(figures(client)[ahead]) < 0.5
    monkeypatch.setattr(database_server, "this_clock", lambda: time.time() + seconds)
    assert abs(figures(client)[ahead] - seconds) < 1


def test_full_disk_of_the_database_takes_no_writes_and_hides_no_other_figure(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "SPILL", text(FULL))
    found = figures(client)
    assert found["auditsaas_database_takes_writes"] == 0
    assert found['auditsaas_up{part="database"}'] == 1
    assert "auditsaas_schedules_late" in found


def test_disks_are_those_that_this_machine_sees(settings: Settings, tmp_path: Path) -> None:
    told = replace(settings, database_disk=tmp_path / "not yet there")
    found = figures(create_app(told).test_client())
    for disk in ("storage", "data", "database"):
        free = found[f'auditsaas_disk_free_bytes{{disk="{disk}"}}']
        assert 0 < free <= found[f'auditsaas_disk_size_bytes{{disk="{disk}"}}']
    away = figures(create_app(replace(settings, storage_url="s3://bucket")).test_client())
    disks = {name for name in away if name.startswith("auditsaas_disk_free")}
    assert disks == {'auditsaas_disk_free_bytes{disk="data"}'}


def pool(found: dict[str, float]) -> tuple[float, ...]:
    """Size, connections in use and threads that wait, of the pool of these tests."""
    kinds = ("size", "in_use", "waiting")
    return tuple(found[f'auditsaas_pool_{kind}{{pool="of this test"}}'] for kind in kinds)


@pytest.fixture
def narrow(settings: Settings) -> Iterator[Engine]:
    """An engine of one connection."""
    options: dict[str, Any] = pools.engine_options(
        settings.database_url, 1_000, name="of this test"
    )
    made = pools.make_engine(**options | {"pool_size": 1, "max_overflow": 0})
    yield made
    made.dispose()


def test_pool_tells_what_is_in_use_and_who_waits(client: FlaskClient, narrow: Engine) -> None:
    with ThreadPoolExecutor(1) as threads:
        with narrow.connect():
            assert pool(figures(client)) == (1, 1, 0)
            second = threads.submit(lambda: narrow.connect().close())
            eventually(lambda: pool(figures(client)) == (1, 1, 1), "a thread that waits")
        second.result(10)
    assert pool(figures(client)) == (1, 0, 0)


def unavailable(client: FlaskClient, reason: str) -> float:
    return figures(client).get(f'auditsaas_unavailable_total{{reason="{reason}"}}', 0)


def test_each_failure_of_the_database_has_a_reason_of_its_own() -> None:
    kinds = [each for each in vars(failures).values() if isinstance(each, failures.Failure)]
    assert len({kind.reason for kind in kinds}) == len(kinds) > 5


def test_every_failure_of_the_database_is_counted_from_the_start(client: FlaskClient) -> None:
    """Prometheus takes the first value of a series for no rise."""
    kinds = [each for each in vars(failures).values() if isinstance(each, failures.Failure)]
    told = figures(client)
    for kind in kinds:
        assert f'auditsaas_unavailable_total{{reason="{kind.reason}"}}' in told
    for name in ("hung", "pool", "away", "53100", "53300", "57014"):
        assert f'auditsaas_database_errors_total{{class="{name}"}}' in told


@pytest.fixture
def severed(settings: Settings) -> FlaskClient:
    """A browser at a web that does not reach the database; signed in where it could be asked."""
    nowhere = "postgresql+psycopg://auditsaas_app@127.0.0.1:9/auditsaas"
    made = create_app(replace(settings, database_url=nowhere)).test_client()
    sign_in(made, make_user())
    return made


@pytest.mark.parametrize("address", ["/w/acme/audit-logs", "/api/v1/events"])
def test_answer_without_the_database_is_counted_by_its_reason(
    client: FlaskClient, severed: FlaskClient, key: str, address: str
) -> None:
    before = unavailable(client, "database away")
    answer = severed.get(address, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 503
    assert unavailable(client, "database away") == before + 1


def test_unready_probe_is_counted_apart(client: FlaskClient, settings: Settings) -> None:
    without = create_app(replace(settings, redis_url="redis://127.0.0.1:9/0")).test_client()
    before = unavailable(client, "not ready")
    assert without.get("/readyz").status_code == 503
    assert unavailable(client, "not ready") == before + 1


def test_every_status_of_503_in_the_code_has_a_reason() -> None:
    kinds = list(subclasses(DomainError))
    assert Unrecorded in kinds
    assert [kind for kind in kinds if kind.status == 503 and kind.reason == "other"] == []


def subclasses(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


def test_no_figure_names_a_workspace_a_person_or_what_they_asked_for(
    client: FlaskClient, browser: Callable[[User], FlaskClient]
) -> None:
    workspace = make_workspace(unique("Zebra"))
    person = make_member(workspace)
    page = browser(person).get(f"/w/{workspace.slug}/audit-logs?q=okapi")
    assert page.status_code == 200
    told = client.get("/metrics").text
    for word in (workspace.slug, str(workspace.id), person.email, str(person.id), "okapi"):
        assert word not in told
    series = Counter(re.findall(r"^(\w+?)(?:_bucket|_sum|_count|_created)?\{", told, re.MULTILINE))
    series.pop("auditsaas_request_seconds")  # by route: as many as the product has
    assert max(series.values()) <= 40
