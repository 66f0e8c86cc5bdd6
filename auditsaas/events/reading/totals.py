"""How many: exact from what is counted beforehand where that has the answer, else bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.models import events, log_heads
from auditsaas.events.reading import many_workspaces
from auditsaas.events.reading.index_scan import Budget, bounded, steps, walks
from auditsaas.events.reading.rollups import counted
from auditsaas.events.reading.spans import split_hours
from auditsaas.events.reading.time_windows import Windows

CAP = 100_000
"""Where counting the events themselves stops; the page then says “100,000+”."""

COUNT_SECONDS = 0.8


@dataclass(frozen=True)
class Count:
    """Matching events and the errors among them; ``exact`` is False where counting stopped."""

    total: int
    errors: int
    exact: bool

    def __add__(self, other: Count) -> Count:
        return Count(
            self.total + other.total, self.errors + other.errors, self.exact and other.exact
        )


def count(session: Session, workspace_ids: Sequence[UUID], event_filter: EventFilter) -> Count:
    """How many events of the workspaces match: exact, or at least 100,000."""
    if not event_filter.hourly:
        return _count_steps(session, workspace_ids, event_filter)
    whole, parts = split_hours(event_filter.period)
    total = Count(0, 0, exact=True)
    if whole is not None:
        total += _count_whole(session, workspace_ids, event_filter, whole)
    for part in parts:
        total += _count_parts(session, workspace_ids, event_filter.with_period(part))
    return total


def complete_through(session: Session, workspace_ids: Sequence[UUID]) -> datetime | None:
    """When the newest event was received: nothing that arrived before it is missing."""
    newest: datetime | None = session.scalar(
        select(func.max(log_heads.c.last_received_at)).where(
            log_heads.c.workspace_id.in_(workspace_ids)
        )
    )
    return newest


def _count_whole(
    session: Session, workspace_ids: Sequence[UUID], event_filter: EventFilter, hours: TimeRange
) -> Count:
    rows = counted(session, workspace_ids, event_filter, hours)
    errors = func.sum(rows.c.n).filter(rows.c.status == "error")
    found = select(func.coalesce(func.sum(rows.c.n), 0), func.coalesce(errors, 0))
    total, failed = session.execute(found).one()
    return Count(int(total), int(failed), exact=True)


def _count_parts(
    session: Session, workspace_ids: Sequence[UUID], event_filter: EventFilter
) -> Count:
    """A short period's events, counted one by one."""
    total = errors = 0
    if len(workspace_ids) > many_workspaces.MANY:
        marked = [events.c.id, events.c.status]
        total, errors = _tally(
            session, many_workspaces.each(session, workspace_ids, event_filter, marked)
        )
        return Count(total, errors, exact=True)
    for walk in walks(session, workspace_ids, event_filter):
        found = select(func.count(), func.count().filter(events.c.status == "error")).where(
            and_(*walk.conditions)
        )
        some, failed = session.execute(found).one()
        total, errors = total + some, errors + failed
    return Count(total, errors, exact=True)


def _count_steps(
    session: Session, workspace_ids: Sequence[UUID], event_filter: EventFilter
) -> Count:
    """Events counted newest first, up to 100,000 or until time runs out."""
    budget = Budget(seconds=COUNT_SECONDS)
    if len(workspace_ids) > many_workspaces.MANY:
        return _count_windows(session, workspace_ids, event_filter, budget)
    total = errors = 0
    for walk in walks(session, workspace_ids, event_filter):
        finished = False
        for below, reached in steps(session, walk, budget):
            found = bounded(walk, below, reached, events.c.status).limit(CAP + 1 - total)
            with budget.timed():
                some, failed = _tally(session, found)
            total, errors = total + some, errors + failed
            finished = reached is None
            if total > CAP:
                return Count(CAP, min(errors, CAP), exact=False)
        if not finished:
            return Count(total, errors, exact=False)
    return Count(total, errors, exact=True)


def _count_windows(
    session: Session, workspace_ids: Sequence[UUID], event_filter: EventFilter, budget: Budget
) -> Count:
    """The same over very many workspaces: few events wherever they are, others by windows."""
    reading = many_workspaces.Reading(session, workspace_ids, event_filter)
    marked = [events.c.id, events.c.status]
    keys = reading.few(session, None)
    if keys is not None:
        return Count(*_tally(session, reading.picked(marked, keys)), exact=True)
    total = errors = 0
    windows = Windows(session, reading, event_filter.period, None, budget=budget)
    for window in windows:
        with budget.timed():
            found = reading.each(marked, window.edge, window.reached).limit(CAP + 1 - total)
            some, failed = _tally(session, found)
        total, errors = total + some, errors + failed
        if total > CAP:
            return Count(CAP, min(errors, CAP), exact=False)
        if window.reached is not None and budget.spent:
            return Count(total, errors, exact=False)
        windows.grow()
    return Count(total, errors, exact=True)


def _tally(session: Session, found: Select[Any]) -> tuple[int, int]:
    rows = found.subquery()
    total, errors = session.execute(
        select(func.count(), func.count().filter(rows.c.status == "error")).select_from(rows)
    ).one()
    return total, errors
