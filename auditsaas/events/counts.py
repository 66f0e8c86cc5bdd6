"""How many: exact from the hourly counts where they know the answer, bounded otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from auditsaas.events import across
from auditsaas.events.filters import EventFilter
from auditsaas.events.models import event_counts, events, log_heads
from auditsaas.events.predicates import matches_activity
from auditsaas.events.query_terms import STATUSES
from auditsaas.events.timerange import TimeRange
from auditsaas.events.walks import Budget, bounded, steps, walks

CAP = 100_000
"""Where counting the events themselves stops; the page then says “100,000+”."""

COUNT_SECONDS = 0.8
HOUR = timedelta(hours=1)


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
        total += _count_hours(session, workspace_ids, event_filter, whole)
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


def split_hours(period: TimeRange) -> tuple[TimeRange | None, list[TimeRange]]:
    """The whole UTC hours of a period, and the parts of hours at its two ends."""
    start, end = period.start, period.end
    first = None if start is None else _hour_from(start)
    last = None if end is None else _hour_of(end)
    if first is not None and last is not None and first >= last:
        return None, [period]
    parts = []
    if start is not None and first is not None and first > start:
        parts.append(TimeRange(start, first))
    if end is not None and last is not None and last < end:
        parts.append(TimeRange(last, end))
    return TimeRange(first, last), parts


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _hour_from(moment: datetime) -> datetime:
    hour = _hour_of(moment)
    return hour if hour == moment else hour + HOUR


def _count_hours(
    session: Session, workspace_ids: Sequence[UUID], event_filter: EventFilter, hours: TimeRange
) -> Count:
    errors = func.sum(event_counts.c.n).filter(event_counts.c.status == "error")
    found = select(func.coalesce(func.sum(event_counts.c.n), 0), func.coalesce(errors, 0))
    total, failed = session.execute(among_hours(found, workspace_ids, event_filter, hours)).one()
    return Count(int(total), int(failed), exact=True)


def among_hours(
    found: Select[Any],
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    hours: TimeRange,
) -> Select[Any]:
    """A select over the hourly counts, narrowed as the filter narrows the events."""
    counts = event_counts.c
    found = found.where(counts.workspace_id.in_(workspace_ids))
    if hours.start is not None:
        found = found.where(counts.hour >= hours.start)
    if hours.end is not None:
        found = found.where(counts.hour < hours.end)
    if event_filter.status and set(event_filter.status) != set(STATUSES):
        found = found.where(counts.status == event_filter.status[0])
    if event_filter.activity:
        found = found.where(matches_activity(counts.activity, event_filter.activity))
    if event_filter.method:
        found = found.where(counts.method.in_(event_filter.method))
    return found


def _count_parts(
    session: Session, workspace_ids: Sequence[UUID], event_filter: EventFilter
) -> Count:
    """A short period's events, counted one by one."""
    total = errors = 0
    if len(workspace_ids) > across.MANY:
        marked = [events.c.id, events.c.status]
        total, errors = _tally(session, across.each(session, workspace_ids, event_filter, marked))
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


def _tally(session: Session, found: Select[Any]) -> tuple[int, int]:
    rows = found.subquery()
    total, errors = session.execute(
        select(func.count(), func.count().filter(rows.c.status == "error")).select_from(rows)
    ).one()
    return total, errors
