"""How the installation is: queues, workers, the sweeper, partitions, the database and Redis.

Nothing here waits long for Redis: whatever does not answer at once is said not to answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from auditsaas.events.maintenance import partitions
from auditsaas.exports.kind import UNFINISHED
from auditsaas.exports.models import Export
from auditsaas.imports.kind import IMPORTS
from auditsaas.imports.models import Import
from auditsaas.version import version
from config.celery import ALIVE_FOR, HEAVY, QUICK, SWEEPS_KEY, WORKERS_KEY

REDIS_SECONDS = 0.25
SWEEP_LATE_SECONDS = 60
PENDING_LATE_SECONDS = 600


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
        oldest = oldest_pending(session)
        months = partitions_ahead(session, now)
    except SQLAlchemyError:
        return [Part("Database", "Does not answer", False)]
    waited = (now - oldest).total_seconds() if oldest else 0
    return [
        Part("Database", f"PostgreSQL {server.split()[0]}", True),
        Part("Database size", f"{size / 1_000_000:,.0f} MB", True),
        Part("Database connections", f"{used} of {most}", used < most * 0.9),
        Part("Partitions ahead", f"{months} months", months >= 1),
        Part(
            "Oldest pending job",
            "Asked for" if oldest else "None",
            waited < PENDING_LATE_SECONDS,
            oldest,
        ),
    ]


def oldest_pending(session: Session) -> datetime | None:
    """When the export or import that has waited longest was asked for."""
    asked = (
        session.scalar(select(func.min(Export.created_at)).where(Export.state.in_(UNFINISHED))),
        session.scalar(select(func.min(Import.created_at)).where(IMPORTS.leases.unfinished())),
    )
    return min((moment for moment in asked if moment is not None), default=None)


def partitions_ahead(session: Session, now: datetime) -> int:
    """For how many months after this one the log has a partition, without a gap."""
    names = set(
        session.scalars(
            text(
                "SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"
                " WHERE i.inhparent = 'events'::regclass"
            )
        )
    )
    months = 0
    while f"events_{partitions.add_months(now, months + 1):%Y_%m}" in names:
        months += 1
    return months


def _redis(url: str, now: datetime) -> list[Part]:
    try:
        with redis.Redis.from_url(
            url,
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
            retry=Retry(NoBackoff(), 0),
        ) as server:
            depths = {queue: int(server.llen(queue)) for queue in (QUICK, HEAVY)}
            swept = server.hvals(SWEEPS_KEY)
            since = server.time()[0] - ALIVE_FOR.total_seconds()
            alive = int(server.zcount(WORKERS_KEY, since, "+inf"))
    except (redis.RedisError, OSError):
        return [Part("Redis", "Does not answer. Exports wait until it does.", False)]
    at = datetime.fromtimestamp(min(map(float, swept)), UTC) if swept else None
    late = at is None or (now - at).total_seconds() > SWEEP_LATE_SECONDS
    return [
        Part("Redis", "Answers", True),
        *(Part(f"Queue {queue}", f"{n:,} waiting", True) for queue, n in depths.items()),
        Part("Workers", f"{alive} alive" if alive else "None is alive", bool(alive)),
        Part("Sweeper", "Ran" if at else "Has not run", not late, at),
    ]
