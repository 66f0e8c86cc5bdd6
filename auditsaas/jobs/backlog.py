"""Counts the waiting jobs of each kind in the whole installation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from auditsaas.jobs.kind import Kind
from config.celery import SWEEPS_KEY

LATELY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """The jobs of one kind, of all workspaces."""

    kind: str
    pending: int
    """Neither finished nor failed."""
    oldest: datetime | None
    """The time at which the oldest pending job was asked for."""
    abandoned: int
    """Begun, and without a live lease."""
    failed: int
    """Within ``LATELY``."""

    def waited(self, now: datetime) -> timedelta:
        return max(now - self.oldest, timedelta()) if self.oldest else timedelta()


def backlogs(platform: Session, kinds: Iterable[Kind[Any]]) -> list[Backlog]:
    """Count the jobs of each kind, in its order, through the platform pool."""
    return [_backlog(platform, kind) for kind in kinds]


def _backlog(platform: Session, kind: Kind[Any]) -> Backlog:
    leases = kind.leases
    pending = leases.unfinished()
    failed = (leases["state"] == leases.failed) & (leases.ended > func.now() - LATELY)
    counted = select(
        func.count().filter(pending).label("pending"),
        func.min(leases["created_at"]).filter(pending).label("oldest"),
        func.count().filter(leases.abandoned()).label("abandoned"),
        func.count().filter(failed).label("failed"),
    ).where(or_(pending, failed))
    row = platform.execute(counted).one()
    return Backlog(kind=kind.name, **row._mapping)


def last_sweeps(server: Redis, kinds: Iterable[Kind[Any]]) -> dict[str, datetime | None]:
    """Read when the waiting jobs of each kind were last swept; None where they never were."""
    names = [kind.name for kind in kinds]
    noted = server.hmget(SWEEPS_KEY, names)
    return {
        name: None if at is None else datetime.fromtimestamp(float(at), UTC)
        for name, at in zip(names, noted, strict=True)
    }
