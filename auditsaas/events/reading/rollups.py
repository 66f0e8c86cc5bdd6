"""Reads pre-aggregated counts: whole UTC days from daily, the rest from hourly rollups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ARRAY, Column, Select, Subquery, column, func, literal, select, union_all
from sqlalchemy.orm import Session

from auditsaas.db.columns import Timestamp
from auditsaas.db.together import together
from auditsaas.events.conditions import matches_activity
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import EPOCH, TimeRange
from auditsaas.events.maintenance import daily_counts
from auditsaas.events.models import event_counts, event_days
from auditsaas.events.search.terms import STATUSES

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LAST_DAY = datetime(9999, 12, 31, tzinfo=UTC)
LAST_HOUR = LAST_DAY + 23 * HOUR
Span = tuple[datetime, datetime]
Found = TypeVar("Found")


def counted(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    hours: TimeRange,
    edges: Iterable[datetime] = (),
    *,
    has_days: bool | None = None,
) -> Subquery:
    """Select the counts of a period of whole hours, narrowed as the filter narrows the events.

    ``has_days`` says whether the daily counts are complete, where that was read before.

    Rows of ``workspace_id``, ``start``, ``activity``, ``method``, ``status`` and ``n``; none of
    them counts events on both sides of one of ``edges``, which are whole hours too.
    """
    whole, rest = split_days(hours, edges)
    if has_days is None:
        has_days = not whole or daily_counts.complete(session, workspace_ids)
    if not has_days:
        whole, rest = [], [whole_span(hours)]
    parts = [
        _narrowed(_within(moment, spans), workspace_ids, event_filter)
        for moment, spans in ((event_days.c.day, whole), (event_counts.c.hour, rest))
        if spans
    ]
    return union_all(*parts).subquery("counted")


def of_days_or_hours(
    session: Session, workspace_ids: Sequence[UUID], ask: Callable[[bool], Found]
) -> Found:
    """Ask of the daily counts while it is read whether they are complete; if not, of the hours."""
    has_days, found = together(
        session, lambda: daily_counts.complete(session, workspace_ids), lambda: ask(True)
    )
    return found if has_days else ask(False)


def _within(moment: Column[datetime], spans: Sequence[Span]) -> Select[Any]:
    """Select the rows of the table of ``moment`` in any of the spans, each found by the index."""
    table = moment.table.c
    found = select(
        table.workspace_id,
        moment.label("start"),
        table.activity,
        table.method,
        table.status,
        table.n,
    )
    if len(spans) == 1:
        return found.where(moment >= spans[0][0], moment < spans[0][1])
    ends = (column("first", Timestamp), column("after", Timestamp))
    arrays = (literal(list(side), ARRAY(Timestamp)) for side in zip(*spans, strict=True))
    span = func.unnest(*arrays).table_valued(*ends, name="span").render_derived()
    return found.where(moment >= span.c.first, moment < span.c.after)


def _narrowed(
    found: Select[Any], workspace_ids: Sequence[UUID], event_filter: EventFilter
) -> Select[Any]:
    counts = found.selected_columns
    found = found.where(counts.workspace_id.in_(workspace_ids))
    if event_filter.status and set(event_filter.status) != set(STATUSES):
        found = found.where(counts.status == event_filter.status[0])
    if event_filter.activity:
        found = found.where(matches_activity(counts.activity, event_filter.activity))
    if event_filter.method:
        found = found.where(counts.method.in_(event_filter.method))
    return found


def split_hours(period: TimeRange) -> tuple[TimeRange | None, list[TimeRange]]:
    """Split a period into its whole hours and the parts of hours at its two ends."""
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


def split_days(hours: TimeRange, edges: Iterable[datetime] = ()) -> tuple[list[Span], list[Span]]:
    """Split a period of whole hours into whole days that no edge cuts, and the rest."""
    start, end = whole_span(hours)
    first, last = _day_from(start), _day_of(end)
    if first >= last:
        return [], [(start, end)]
    cut = {_day_of(edge) for edge in edges if _day_of(edge) != edge}
    days: list[Span] = []
    rest: list[Span] = []
    _join(rest, start, first)
    at = first
    for day in sorted(day for day in cut if first <= day < last):
        _join(days, at, day)
        _join(rest, day, day + DAY)
        at = day + DAY
    _join(days, at, last)
    _join(rest, last, end)
    return days, rest


def whole_span(hours: TimeRange) -> Span:
    """Close a period at both ends; no event is before or after those of an open one."""
    return hours.start or EPOCH, hours.end or LAST_DAY


def _join(spans: list[Span], start: datetime, end: datetime) -> None:
    if spans and spans[-1][1] == start:
        start = spans.pop()[0]
    if start < end:
        spans.append((start, end))


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _hour_from(moment: datetime) -> datetime:
    hour = _hour_of(moment)
    return hour if hour == moment else min(hour, LAST_HOUR - HOUR) + HOUR


def _day_of(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _day_from(moment: datetime) -> datetime:
    day = _day_of(moment)
    return day if day == moment else min(day, LAST_DAY - DAY) + DAY
