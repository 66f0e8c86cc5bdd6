"""Says when the dictionary of a log is due, and gives it its turns as what follows the log."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, not_, or_
from sqlalchemy.orm import Session

from auditsaas.events import following
from auditsaas.events.following import Follower
from auditsaas.events.models import log_heads
from auditsaas.events.words import growing
from auditsaas.events.words.heads import HEAD
from auditsaas.events.words.models import word_heads

SWEEP: Final = timedelta(seconds=2)
"""The longest that a sweep takes, for seals of logs wait in the same queue."""
FAST: Final = 10_000
"""Events a second of all logs, beyond which appends want the processors for themselves."""
BRIEF: Final = timedelta(seconds=0.2)
"""The longest that a sweep takes meanwhile; what it leaves is taken in afterwards."""
ENOUGH: Final = 25
"""So many new events are taken in at once."""
WAIT: Final = timedelta(seconds=15)
"""Fewer wait as long as this, for the newest block is stored as a whole each time."""


def _grow(session: Session, workspace_id: UUID, turn: timedelta) -> bool:
    return growing.grow(session, workspace_id, turn=turn) is not None


def _is_due() -> ColumnElement[bool]:
    head = word_heads.c
    behind = log_heads.c.seq - func.coalesce(head.words_to, 0)
    waited = or_(head.grown_at.is_(None), head.grown_at < func.now() - WAIT)
    return or_(
        behind >= ENOUGH,
        and_(behind > 0, waited),
        head.again,
        and_(head.workspace_id.is_not(None), not_(HEAD.of_this_log)),
    )


WORDS: Final = Follower(name="dictionary", head=word_heads, due=_is_due(), grow=_grow)


@dataclass
class Pace:
    """The longest that the next sweep takes, by how fast logs grew since the one before."""

    last: tuple[float, int] | None = None
    """When it was asked, and the numbers that all logs had given until then."""

    def next(self) -> timedelta:
        """Return it; brief at first."""
        before, self.last = self.last, (time.monotonic(), following.numbers_given())
        return BRIEF if before is None or _rate(before, self.last) > FAST else SWEEP


def _rate(before: tuple[float, int], after: tuple[float, int]) -> float:
    seconds = max(after[0] - before[0], 0.001)
    return (after[1] - before[1]) / seconds
