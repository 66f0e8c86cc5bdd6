"""Windows of time within which the logs of very many workspaces are read, one after another.

They grow while little is found. Where conditions are to be checked event by event, a window is
first made to hold no more events than a step may look at, so that no statement is a long one,
however the events are spread over workspaces and time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, select
from sqlalchemy.orm import Session

from auditsaas.db.ids import EPOCH, first_id_at, first_id_of
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.models import events
from auditsaas.events.reading.index_scan import Budget
from auditsaas.events.reading.many_workspaces import Reading
from auditsaas.events.schema import MAX_AHEAD

FIRST_SPAN = first_id_of(timedelta(minutes=5) // timedelta(milliseconds=1)).int
GROWTH = 64
SHRINKING = 8

Finish = Callable[..., Select[Any]]


@dataclass(frozen=True)
class Window:
    """The ids beyond ``edge`` as far as ``reached``, which is None where nothing is left then."""

    edge: UUID | None
    reached: UUID | None


class Windows:
    """The windows beyond an edge, each sized by what was found and how long it took."""

    def __init__(
        self,
        session: Session,
        reading: Reading,
        period: TimeRange,
        edge: UUID | None,
        *,
        older: bool = True,
        bounded: bool = True,
        budget: Budget | None = None,
    ) -> None:
        self._session = session
        self._reading = reading
        self._older = older
        self._bounded = bounded
        self._edge = edge
        self._at, self._last = _ends(period, edge, older=older)
        self._span = FIRST_SPAN
        self._held = 0
        self.budget = budget or Budget()

    def __iter__(self) -> Iterator[Window]:
        while True:
            reached = self._sized()
            yield Window(self._edge, reached)
            if reached is None:
                return
            self._move(reached)

    def grow(self, found: int = 0, wanted: int = 0) -> None:
        """Size the next window, after one in which ``found`` of the ``wanted`` events were."""
        growth = min(GROWTH, max(2, 2 * wanted // found)) if found else GROWTH
        span = self._span * growth
        if self._bounded and self._held:
            span = min(span, self._span * self.budget.step * 3 // (4 * self._held))
        self._span = max(1, span)

    def _sized(self) -> UUID | None:
        """Where the next window ends, so that it holds no more than a step may look at.

        Stretches of time that hold nothing at all are passed over.
        """
        while True:
            left = self._at - self._last if self._older else self._last - self._at
            end = self._at - self._span if self._older else self._at + self._span
            reached = UUID(int=end) if self._span < left else None
            if not self._bounded:
                return reached
            self._held = self._count(reached)
            if self._held > self.budget.step and self._span > 1:
                self._span = max(1, min(self._span, left) // SHRINKING)
            elif self._held or reached is None:
                return reached
            else:
                self._move(reached)
                self.grow()

    def _move(self, reached: UUID) -> None:
        self._edge, self._at = reached, reached.int

    def _count(self, reached: UUID | None) -> int:
        """How many events an index comes to within the bounds; one too many says enough."""
        most = self.budget.step + 1
        found = self._reading.each(
            [events.c.id], self._edge, reached, older=self._older, limit=most, checked=False
        )
        counted = select(func.count()).select_from(found.limit(most).subquery())
        return self._session.scalar(counted) or 0


def _ends(period: TimeRange, edge: UUID | None, *, older: bool) -> tuple[int, int]:
    """Where the windows begin, and where there is nothing beyond, as the ids' numbers."""
    latest = datetime.now(UTC) + MAX_AHEAD
    newest = first_id_at(min(latest, period.end or latest)).int
    oldest = first_id_at(max(EPOCH, period.start or EPOCH)).int
    if older:
        return (newest if edge is None else min(edge.int, newest)), oldest
    return (oldest if edge is None else max(edge.int, oldest)), newest


def search(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    limit: int,
    edge: UUID | None,
    *,
    older: bool,
    columns: Sequence[ColumnElement[Any]],
    finish: Finish,
) -> tuple[list[Row[Any]], UUID | None]:
    """The next rows beyond ``edge``; with them, where time ran out first, the id reached."""
    reading = Reading(session, workspace_ids, event_filter)
    period = event_filter.period
    windows = Windows(session, reading, period, edge, older=older, bounded=not reading.served)
    rows: list[Row[Any]] = []

    def read(found: Select[Any]) -> int:
        part = found.subquery()
        order = part.c.id.desc() if older else part.c.id.asc()
        some = finish(select(part).order_by(order).limit(limit - len(rows)), older=older)
        more = session.execute(some).all()
        rows.extend(more)
        return len(more)

    sought = False
    for window in windows:
        wanted = limit - len(rows)
        with windows.budget.timed():
            part = reading.each(columns, window.edge, window.reached, older=older, limit=wanted)
            found = read(part)
        if len(rows) >= limit or window.reached is None:
            return rows, None
        keys = None if sought else reading.few(session, window.reached, older=older)
        if keys is not None:
            read(reading.picked(columns, keys))
            return rows, None
        if not reading.served and windows.budget.spent:
            return rows, window.reached
        sought = True
        windows.grow(found, wanted)
    return rows, None
