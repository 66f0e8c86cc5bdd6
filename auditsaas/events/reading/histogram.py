"""Events over time, as at most a hundred bars whose edges are round local times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Subquery,
    Uuid,
    column,
    func,
    literal,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.orm import Session

from auditsaas.db.columns import Timestamp
from auditsaas.db.ids import time_of
from auditsaas.db.together import together
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.lifting import lift_terms
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.maintenance import daily_counts
from auditsaas.events.models import event_counts, events
from auditsaas.events.reading import across
from auditsaas.events.reading.blocks import answers
from auditsaas.events.reading.blocks.loading import NotKept
from auditsaas.events.reading.facets import TEXT_CAP
from auditsaas.events.reading.rollups import counted, split_hours
from auditsaas.events.reading.scans.sample import Shares
from auditsaas.events.reading.scans.source import source
from auditsaas.events.reading.totals import CAP
from auditsaas.events.schema import MAX_AHEAD

MAX_BARS = 100
LATEST = datetime.max.replace(tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STEPS: tuple[tuple[timedelta, str], ...] = (
    (MINUTE, "1 minute"),
    (5 * MINUTE, "5 minutes"),
    (15 * MINUTE, "15 minutes"),
    (HOUR, "1 hour"),
    (2 * HOUR, "2 hours"),
    (8 * HOUR, "8 hours"),
    (DAY, "1 day"),
    (7 * DAY, "1 week"),
    (28 * DAY, "4 weeks"),
    (91 * DAY, "13 weeks"),
    (364 * DAY, "52 weeks"),
)


@dataclass(frozen=True)
class Bar:
    start: datetime
    end: datetime
    success: int
    error: int


@dataclass(frozen=True)
class Histogram:
    """``counted_from`` is set where only the newest 100,000 events were counted."""

    bars: tuple[Bar, ...]
    step: str
    counted_from: datetime | None = None

    @property
    def highest(self) -> int:
        return max((bar.success + bar.error for bar in self.bars), default=0)


class _Counted(NamedTuple):
    """So many events of a status in a bar, counted from 1."""

    bucket: int
    status: str
    n: int


def histogram(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    zone: ZoneInfo,
    now: datetime,
    *,
    shares: Shares | None = None,
) -> Histogram:
    """Count the events of each bar of the period, or of everything there is up to ``now``."""
    event_filter = lift_terms(event_filter)
    first, has_days = event_filter.period.start, None
    if first is None:
        first, has_days = together(
            session,
            lambda: session.scalar(_first_hour(workspace_ids)),
            lambda: daily_counts.complete(session, workspace_ids),
        )
    period = _bounded(first, event_filter.period, now)
    if period is None or period.start is None or period.end is None:
        return Histogram((), "")
    edges, label = bar_edges(period.start, period.end, zone)
    whole_hours = all(not (edge.minute or edge.second or edge.microsecond) for edge in edges)
    if event_filter.hourly and whole_hours:
        rows = _from_hours(session, workspace_ids, event_filter, edges, shares, has_days)
        return Histogram(_bars(edges, rows), label)
    if all(not (edge.second or edge.microsecond) for edge in edges):
        with suppress(NotKept):
            rows = _from_blocks(session, workspace_ids, event_filter, edges, shares)
            return Histogram(_bars(edges, rows), label)
    cap = TEXT_CAP if event_filter.terms else CAP
    rows, oldest = _from_events(session, workspace_ids, event_filter, edges, cap, shares)
    return Histogram(_bars(edges, rows), label, oldest)


def _bounded(start: datetime | None, period: TimeRange, now: datetime) -> TimeRange | None:
    """Close the period at both ends; an open end is that of the log itself."""
    end = min(period.end or LATEST, now + MAX_AHEAD)
    return None if start is None or end <= start else TimeRange(start, end)


def _first_hour(workspace_ids: Sequence[UUID]) -> Select[Any]:
    """Select the first hour of all logs: that of each is looked up in its index."""
    of = func.unnest(literal(list(workspace_ids), ARRAY(Uuid))).table_valued(column("id", Uuid))
    log = of.render_derived(name="log")
    hour = select(event_counts.c.hour).where(event_counts.c.workspace_id == log.c.id)
    first = hour.order_by(event_counts.c.hour).limit(literal_column("1")).lateral("first")
    return select(func.min(first.c.hour)).select_from(log.join(first, true()))


def bar_edges(start: datetime, end: datetime, zone: ZoneInfo) -> tuple[list[datetime], str]:
    """Return the bars' edges as UTC instants, the last one after ``end``."""
    step, label = next(
        (known for known in STEPS if (end - start) / known[0] <= MAX_BARS - 1), STEPS[-1]
    )
    edges = [_floor(start, step, zone)]
    while edges[-1] < end:
        edges.append(_next(edges[-1], step, zone))
    return edges, label


def _floor(moment: datetime, step: timedelta, zone: ZoneInfo) -> datetime:
    local = moment.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if step >= 7 * DAY:
        midnight -= timedelta(days=midnight.weekday())
    if step >= DAY:
        return midnight.replace(tzinfo=zone).astimezone(UTC)
    if step < HOUR:
        # Offsets are whole quarters of an hour, so short steps can follow the UTC clock.
        return moment - (moment - datetime(1970, 1, 1, tzinfo=UTC)) % step
    wall = local.replace(tzinfo=None)
    return (midnight + (wall - midnight) // step * step).replace(tzinfo=zone).astimezone(UTC)


def _next(edge: datetime, step: timedelta, zone: ZoneInfo) -> datetime:
    if step < 2 * HOUR:
        return edge + step
    wall = edge.astimezone(zone).replace(tzinfo=None) + step
    after = wall.replace(tzinfo=zone).astimezone(UTC)
    return after if after > edge else edge + step


def _from_hours(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    edges: list[datetime],
    shares: Shares | None,
    has_days: bool | None,
) -> list[Any]:
    of_all = across.bars(session, workspace_ids, event_filter, edges)
    if of_all is not None:
        across.share(shares, of_all)
        return [row for row in of_all if row.bucket is not None]
    whole, parts = split_hours(event_filter.period)
    rows: list[Any] = []
    if whole is not None:
        known = counted(session, workspace_ids, event_filter, whole, edges, has_days=has_days)
        rows += _bucketed(session, known, known.c.start, func.sum(known.c.n), edges, shares)
    for part in parts:
        narrowed = event_filter.with_period(part)
        rows += _from_events(session, workspace_ids, narrowed, edges, None, shares)[0]
    return rows


def _from_blocks(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    edges: list[datetime],
    shares: Shares | None,
) -> list[Any]:
    counted = answers.bars(session, workspace_ids, event_filter, edges)
    if shares is not None:
        shares.update({key: n for key, bars in counted.items() if (n := bars.total())})
    return [
        _Counted(bar, status, n) for bars in counted.values() for (bar, status), n in bars.items()
    ]


def _from_events(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    edges: list[datetime],
    cap: int | None,
    shares: Shares | None,
) -> tuple[list[Any], datetime | None]:
    logs = source(session, workspace_ids, event_filter)
    columns = (events.c.occurred_at, events.c.status, events.c.workspace_id)
    rows: list[Any] = []

    def take(found: Select[Any]) -> int:
        part = found.subquery()
        some = _bucketed(session, part, part.c.occurred_at, func.count(), edges, shares)
        rows.extend(some)
        return sum(row.n for row in some)

    if cap is not None:
        reached = logs.read_sample(columns, cap, take)
        return rows, None if reached is None else time_of(reached)
    for part in logs.every(columns):
        take(part)
    return rows, None


def _bucketed(
    session: Session,
    rows: Subquery,
    moment: ColumnElement[datetime],
    n: ColumnElement[int],
    edges: list[datetime],
    shares: Shares | None,
) -> list[Any]:
    """Count the rows of each bar and status; in the same pass those of each workspace, if asked."""
    bucket = func.width_bucket(moment, _array(edges)).label("bucket")
    counted = select(bucket, rows.c.status, n.label("n"))
    if shares is None:
        return list(session.execute(counted.group_by(bucket, rows.c.status)))
    of = rows.c.workspace_id
    sets = func.grouping_sets(tuple_(bucket, rows.c.status), tuple_(of))
    found = session.execute(counted.add_columns(of).group_by(sets)).all()
    for row in found:
        if row.bucket is None:
            shares[row.workspace_id] += int(row.n)
    return [row for row in found if row.bucket is not None]


def _array(edges: list[datetime]) -> Any:
    return literal(edges, ARRAY(Timestamp))


def _bars(edges: list[datetime], rows: list[Any]) -> tuple[Bar, ...]:
    counted: Counter[tuple[int, str]] = Counter()
    for row in rows:
        counted[row.bucket, row.status] += int(row.n)
    return tuple(
        Bar(start, end, counted[index, "success"], counted[index, "error"])
        for index, (start, end) in enumerate(pairwise(edges), start=1)
    )
