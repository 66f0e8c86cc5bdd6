"""Status of the installation: queues, workers, sweeper, partitions, database and Redis.

Nothing here waits long for Redis: whatever does not answer at once is said not to answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from auditsaas.events.maintenance import partitions
from auditsaas.jobs.backlog import Backlog, backlogs, last_sweeps
from auditsaas.operations.kinds import KINDS
from auditsaas.version import version
from config.celery import ALIVE_FOR, QUEUES, WORKERS_KEY

REDIS_SECONDS = 0.25
SWEEP_LATE_SECONDS = 60
PENDING_LATE = timedelta(minutes=10)


@dataclass(frozen=True)
class Part:
    """One line of the page; ``fine`` None where nothing can be said."""

    name: str
    value: str
    fine: bool | None
    at: datetime | None = None


def state(session: Session, redis_url: str, now: datetime) -> list[Part]:
    product = Part("Version", f"AuditSaaS {version()}", True)
    return [product, *_database(session, now), *_redis(redis_url, now)]


def _database(session: Session, now: datetime) -> list[Part]:
    try:
        server, size, used, most = session.execute(
            text(
                "SELECT current_setting('server_version'), pg_database_size(current_database()),"
                " (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()),"
                " current_setting('max_connections')::int"
            )
        ).one()
        jobs = backlogs(session, KINDS)
        months = partitions.months_ahead(session, now) - 1
    except SQLAlchemyError:
        return [Part("Database", "Does not answer", False)]
    return [
        Part("Database", f"PostgreSQL {server.split()[0]}", True),
        Part("Database size", f"{size / 1_000_000:,.0f} MB", True),
        Part("Database connections", f"{used} of {most}", used < most * 0.9),
        Part("Partitions ahead", f"{max(0, months)} months", months >= 1),
        *_jobs(jobs, now),
    ]


def _jobs(found: Sequence[Backlog], now: datetime) -> Iterator[Part]:
    """Show all kinds in one line, and each in one of its own."""
    oldest = min((each.oldest for each in found if each.oldest), default=None)
    waited = now - oldest if oldest else timedelta()
    yield Part(
        "Oldest pending job",
        "Asked for" if oldest else "None",
        waited < PENDING_LATE,
        oldest,
    )
    for each in found:
        fine = each.waited(now) < PENDING_LATE and not each.abandoned
        words = f"{each.pending:,} pending, {each.abandoned:,} abandoned, {each.failed:,} failed"
        yield Part(each.kind.capitalize(), f"{words} in the last day", fine, each.oldest)


def _redis(url: str, now: datetime) -> list[Part]:
    try:
        with redis.Redis.from_url(
            url,
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
            retry=Retry(NoBackoff(), 0),
        ) as server:
            depths = {queue: int(server.llen(queue)) for queue in QUEUES}
            swept = last_sweeps(server, KINDS).values()
            since = server.time()[0] - ALIVE_FOR.total_seconds()
            alive = int(server.zcount(WORKERS_KEY, since, "+inf"))
    except (redis.RedisError, OSError):
        return [Part("Redis", "Does not answer. Exports wait until it does.", False)]
    at = min(noted) if len(noted := [each for each in swept if each]) == len(KINDS) else None
    late = at is None or (now - at).total_seconds() > SWEEP_LATE_SECONDS
    return [
        Part("Redis", "Answers", True),
        *(Part(f"Queue {queue}", f"{n:,} waiting", True) for queue, n in depths.items()),
        Part("Workers", f"{alive} alive" if alive else "None is alive", bool(alive)),
        Part("Sweeper", "Ran" if at else "Has not run", not late, at),
    ]
