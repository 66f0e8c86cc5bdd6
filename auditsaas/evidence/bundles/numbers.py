"""Chooses the numbers that a proof covers, and refuses more than it may."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.errors import DomainError
from auditsaas.events.models import events

MOST_NUMBERS: Final = 2_000_000
EARLY: Final = timedelta(minutes=15)
"""An event received this long before a range is outside: senders' clocks may be 10 minutes ahead
(CONTRACT, "An event"), and five more are for the server's."""


class TooManyNumbers(DomainError):
    """The range covers more numbers than a proof may."""

    status = 422
    title = "Too many numbers"

    def __init__(self, numbers: int) -> None:
        super().__init__(
            f"A proof covers at most {MOST_NUMBERS:,} numbers of the log, and this range has"
            f" {numbers:,}: every number is in it, whether its event matches or not. Choose a"
            " range that begins later."
        )


def first_number(session: Session, workspace_id: UUID, last: int, start: datetime | None) -> int:
    """Find the number at which a proof of what occurred from ``start`` on may begin.

    It is the last one that was received too early for it and for all before it, or 1. Numbers
    follow the order of arrival, so it is searched for by halves.
    """
    if start is None:
        return 1
    low, high = 0, last
    while low < high:
        middle = (low + high + 1) // 2
        found = session.execute(
            select(events.c.seq, events.c.received_at)
            .where(events.c.workspace_id == workspace_id, events.c.seq.between(middle, high))
            .order_by(events.c.seq)
            .limit(1)
        ).one_or_none()
        if found is not None and found.received_at < start - EARLY:
            low = found.seq
        else:
            high = middle - 1
    return max(low, 1)


def refuse_too_many(first: int, last: int) -> None:
    """Raise TooManyNumbers where a proof of first … last would be too large."""
    if last - first + 1 > MOST_NUMBERS:
        raise TooManyNumbers(last - first + 1)
