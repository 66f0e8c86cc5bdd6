"""Windows of time within which the logs of very many workspaces are read, one after another.

They grow while little is found. Where conditions are to be checked event by event, a window is
first made to hold no more events than a step may look at, so that no statement is a long one,
however the events are spread over workspaces and time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from auditsaas.db.ids import EPOCH, first_id_at, first_id_of
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.reading.scans.budget import Budget
from auditsaas.events.reading.scans.cursor import Cursor
from auditsaas.events.reading.scans.lateral_scan import LateralScan
from auditsaas.events.schema import MAX_AHEAD

FIRST_SPAN = first_id_of(timedelta(minutes=5) // timedelta(milliseconds=1)).int
GROWTH = 64
SHRINKING = 8


@dataclass(frozen=True)
class Window:
    """The ids beyond ``cursor`` as far as ``reached``, which is None where nothing is left then."""

    cursor: Cursor
    reached: UUID | None


class Windows:
    """The windows beyond a cursor, each sized by what was found and how long it took."""

    def __init__(
        self,
        logs: LateralScan,
        period: TimeRange,
        cursor: Cursor,
        budget: Budget,
        *,
        bounded: bool,
    ) -> None:
        self._logs = logs
        self._cursor = cursor
        self._budget = budget
        self._bounded = bounded
        self._at, self._last = _ends(period, cursor)
        self._span = FIRST_SPAN
        self._held = 0

    def __iter__(self) -> Iterator[Window]:
        while True:
            reached = self._sized()
            yield Window(self._cursor, reached)
            if reached is None:
                return
            self._move(reached)

    def grow(self, found: int = 0, wanted: int = 0) -> None:
        """Size the next window, after one in which ``found`` of the ``wanted`` events were."""
        growth = min(GROWTH, max(2, 2 * wanted // found)) if found else GROWTH
        span = self._span * growth
        if self._bounded and self._held:
            span = min(span, self._span * self._budget.step * 3 // (4 * self._held))
        self._span = max(1, span)

    def _sized(self) -> UUID | None:
        """Choose where the next window ends, so that it holds no more than a step may look at.

        Stretches of time that hold nothing at all are passed over.
        """
        while True:
            left = self._at - self._last if self._cursor.older else self._last - self._at
            end = self._at - self._span if self._cursor.older else self._at + self._span
            reached = UUID(int=end) if self._span < left else None
            if not self._bounded:
                return reached
            self._held = self._logs.count_scanned(self._cursor, reached, most=self._budget.step + 1)
            if self._held > self._budget.step and self._span > 1:
                self._span = max(1, min(self._span, left) // SHRINKING)
            elif self._held or reached is None:
                return reached
            else:
                self._move(reached)
                self.grow()

    def _move(self, reached: UUID) -> None:
        self._cursor, self._at = self._cursor.moved(reached), reached.int


def _ends(period: TimeRange, cursor: Cursor) -> tuple[int, int]:
    """Return where the windows begin, and where nothing is beyond, as the ids' numbers."""
    latest = datetime.now(UTC) + MAX_AHEAD
    newest = first_id_at(min(latest, period.end or latest)).int
    oldest = first_id_at(max(EPOCH, period.start or EPOCH)).int
    at = cursor.id
    if cursor.older:
        return (newest if at is None else min(at.int, newest)), oldest
    return (oldest if at is None else max(at.int, oldest)), newest
