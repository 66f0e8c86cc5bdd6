"""A period cut into what is counted by the day, by the hour, and event by event. All in UTC."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from auditsaas.events.filter.period import EPOCH, TimeRange

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LAST_DAY = datetime(9999, 12, 31, tzinfo=UTC)
LAST_HOUR = LAST_DAY + 23 * HOUR
Span = tuple[datetime, datetime]


def split_hours(period: TimeRange) -> tuple[TimeRange | None, list[TimeRange]]:
    """The whole hours of a period, and the parts of hours at its two ends."""
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
    """The whole days of a period of whole hours that no edge cuts, and the hours of the rest."""
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
    """A period with both ends; no event is before or after those of an open one."""
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
