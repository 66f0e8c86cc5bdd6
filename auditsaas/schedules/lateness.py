"""Tells how late scheduled reports are in the whole installation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas.schedules.models import Schedule
from auditsaas.schedules.runs import is_due
from auditsaas.workspaces.models import Workspace
from config.celery import TICK_EVERY

GRACE = 3 * TICK_EVERY
"""A report is started within a tick of its time, if a tick was not lost."""


@dataclass(frozen=True)
class Lateness:
    """The number of overdue reports, and for how long the latest of them has been."""

    number: int
    longest: timedelta


def lateness(platform: Session, now: datetime) -> Lateness:
    """Count the schedules that are due for longer than ``GRACE``, of workspaces that are open."""
    number, oldest = platform.execute(
        select(func.count(), func.min(Schedule.next_due_at))
        .join(Workspace, Workspace.id == Schedule.workspace_id)
        .where(*is_due(now - GRACE), Workspace.suspended_at.is_(None))
    ).one()
    return Lateness(number, now - oldest if oldest else timedelta())
