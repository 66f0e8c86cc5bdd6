"""Counts, across workspaces, how far the dictionaries of words are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session

from auditsaas.events.models import log_heads
from auditsaas.events.words.heads import HEAD
from auditsaas.events.words.models import word_heads

LATE: Final = timedelta(minutes=1)
"""How long events may wait until their words are taken in."""


@dataclass(frozen=True, kw_only=True)
class Words:
    """The events of all logs, and of how many the words are in a dictionary."""

    events: int
    taken_in: int
    late: int
    """Logs with events that have waited for a minute, whose dictionary did not grow in it."""
    again: int
    """Dictionaries with blocks that are to be made anew."""

    @property
    def behind(self) -> int:
        return self.events - self.taken_in

    @property
    def share(self) -> float:
        return self.taken_in / self.events if self.events else 1.0


def read(platform: Session, now: datetime) -> Words:
    """Count them, by the sight of workers."""
    covered = case((HEAD.of_this_log, word_heads.c.words_to), else_=0)
    is_late = and_(
        log_heads.c.seq > covered,
        log_heads.c.last_received_at < now - LATE,
        or_(word_heads.c.grown_at.is_(None), word_heads.c.grown_at < now - LATE),
    )
    counted = (
        select(
            func.coalesce(func.sum(log_heads.c.seq), 0).label("events"),
            func.coalesce(func.sum(covered), 0).label("taken_in"),
            func.count().filter(is_late).label("late"),
            func.count().filter(word_heads.c.again).label("again"),
        )
        .select_from(log_heads)
        .outerjoin(word_heads, word_heads.c.workspace_id == log_heads.c.workspace_id)
    )
    return Words(**{name: int(n) for name, n in platform.execute(counted).one()._mapping.items()})
