"""Counts what failed in each of the last hours, by kind of job, and of scheduled reports."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ARRAY, bindparam, func, select
from sqlalchemy.orm import Session

from auditsaas.db.columns import Timestamp
from auditsaas.operations.kinds import KINDS
from auditsaas.schedules.models import RunState, ScheduleRun

REPORTS: Final = "scheduled reports"
NAMES: Final = (*(kind.name for kind in KINDS), REPORTS)


def by_hour(platform: Session, hours: Sequence[datetime]) -> dict[str, list[int]]:
    """Count them by the hours that begin at ``hours``, through the platform pool.

    Each kind is one look at its failed rows of the period, as for its backlog.
    """
    found = {
        kind.name: _count(
            platform, kind.leases.ended, kind.leases["state"] == kind.leases.failed, hours
        )
        for kind in KINDS
    }
    failed = ScheduleRun.state == RunState.FAILED
    return found | {REPORTS: _count(platform, ScheduleRun.finished_at, failed, hours)}


def _count(platform: Session, ended: Any, failed: Any, hours: Sequence[datetime]) -> list[int]:
    edges = bindparam("hours", list(hours), type_=ARRAY(Timestamp))
    hour = func.width_bucket(ended, edges).label("hour")
    counted = select(hour, func.count()).where(failed, ended >= hours[0]).group_by(hour)
    numbers = {int(at): int(number) for at, number in platform.execute(counted)}
    return [numbers.get(at, 0) for at in range(1, len(hours) + 1)]
