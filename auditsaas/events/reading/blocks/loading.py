"""Loads the events of a period as blocks: what is stored of them, and the rest from the log.

Which numbers the stored blocks hold is read with them in one statement, so each event is in one
block, whatever is appended or built meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Row, Text, bindparam, func, select, text
from sqlalchemy.orm import Session

from auditsaas.db.together import together
from auditsaas.events.columns.block import DURATION, TIME, Block, minute_of, of_rows, of_stored
from auditsaas.events.columns.heads import HEAD
from auditsaas.events.columns.models import BLOCK, column_heads, event_columns
from auditsaas.events.filter.period import EPOCH, TimeRange
from auditsaas.events.filter.to_sql import period_conditions
from auditsaas.events.models import events, log_heads

LIVE: Final = 20_000
"""The most events that are read from the log beside what is stored."""
MOST_BLOCKS: Final = 1_250
"""The most blocks of a period that are read: ten million events."""
MOST_GAPS: Final = 16
MINUTE: Final = timedelta(minutes=1)
FIRST, LAST = 0, 1 << 40
"""Minutes before and after all events."""

_STORED: Final = text("""
SELECT block, field, last_seq, events, first_minute, last_minute, words, counts,
    (SELECT seq FROM log_heads WHERE workspace_id = :workspace) AS head,
    CASE WHEN :places OR is_cut THEN slices END AS slices,
    CASE WHEN field <> :time OR is_cut THEN numbers END AS numbers
FROM (
    SELECT *, width_bucket(first_minute, CAST(:edges AS bigint[]))
        <> width_bucket(last_minute, CAST(:edges AS bigint[])) AS is_cut
    FROM event_columns WHERE workspace_id = :workspace AND field = ANY (:fields)
) AS stored
WHERE (field = :time OR last_minute >= :first AND first_minute < :after) AND :most >= (
    SELECT count(*) FROM event_columns WHERE workspace_id = :workspace AND field = :time
    AND last_minute >= :first AND first_minute < :after
)
ORDER BY block
""").bindparams(bindparam("edges", type_=ARRAY(BigInteger)), bindparam("fields", type_=ARRAY(Text)))


@dataclass(frozen=True)
class Part:
    """A block, and the mask of its events that are within the period."""

    block: Block
    within: int


class NotKept(Exception):
    """The blocks cannot answer: too much of the log is in none, or they lack a field."""


@dataclass(frozen=True)
class Wanted:
    """A question to logs: fields, over a period, without events on both sides of an edge."""

    period: TimeRange
    fields: frozenset[str]
    edges: Sequence[datetime] = ()
    places: bool = True
    """Whether the places of values are needed where a block is whole in the period."""


def load(session: Session, workspace_ids: Sequence[UUID], wanted: Wanted) -> dict[UUID, list[Part]]:
    """Load the events of each workspace.

    Raises:
        NotKept: the blocks cannot answer.
    """
    return {workspace: list(_parts(session, workspace, wanted)) for workspace in workspace_ids}


def _parts(session: Session, workspace_id: UUID, wanted: Wanted) -> Iterator[Part]:
    whole, ends = _split(wanted.period)
    if whole is not None:
        head, rows = together(
            session,
            lambda: _head(session, workspace_id, *whole),
            lambda: _stored_rows(session, workspace_id, wanted, *whole),
        )
        if head is None:
            return
        gaps = _gaps(rows, head.seq)
        yield from _blocks(rows, wanted, whole)
        for after, end in gaps:
            numbers = [events.c.seq > after]
            if end is not None:
                numbers.append(events.c.seq <= end)
            yield from _live(session, workspace_id, wanted, _period(*whole), numbers)
    for part_of_minute in ends:
        yield from _live(session, workspace_id, wanted, part_of_minute, [])


def _period(first: int, after: int) -> TimeRange:
    return TimeRange(
        None if first == FIRST else EPOCH + first * MINUTE,
        None if after == LAST else EPOCH + after * MINUTE,
    )


def _split(period: TimeRange) -> tuple[tuple[int, int] | None, list[TimeRange]]:
    """Split a period into its whole minutes and the parts of minutes at its two ends."""
    start, end = period.start, period.end
    first = FIRST if start is None else -(-(start - EPOCH) // MINUTE)
    after = LAST if end is None else minute_of(end)
    if first >= after:
        return None, [period]
    ends = []
    if start is not None and start < EPOCH + first * MINUTE:
        ends.append(TimeRange(start, EPOCH + first * MINUTE))
    if end is not None and EPOCH + after * MINUTE < end:
        ends.append(TimeRange(EPOCH + after * MINUTE, end))
    return (first, after), ends


def _head(session: Session, workspace_id: UUID, first: int, after: int) -> Row[Any] | None:
    """Read the head of a log, once it is certain that its blocks are of this log and few enough."""
    stored = event_columns.c
    blocks = select(func.count()).where(
        stored.workspace_id == workspace_id,
        stored.field == TIME,
        stored.last_minute >= first,
        stored.first_minute < after,
    )
    found = (
        select(
            log_heads.c.seq,
            func.coalesce(HEAD.of_this_log, True).label("of_this_log"),  # SQL
            blocks.scalar_subquery().label("blocks"),
        )
        .outerjoin(column_heads, column_heads.c.workspace_id == log_heads.c.workspace_id)
        .where(log_heads.c.workspace_id == workspace_id)
    )
    head = session.execute(found).one_or_none()
    if head is not None and not head.of_this_log:
        raise NotKept("the blocks are of another history of the log")
    if head is not None and head.blocks > MOST_BLOCKS:
        raise NotKept(f"{head.blocks:,} blocks are of the period")
    return head


def _stored_rows(
    session: Session, workspace_id: UUID, wanted: Wanted, first: int, after: int
) -> Sequence[Row[Any]]:
    values = {
        "workspace": workspace_id,
        "fields": sorted({TIME, *wanted.fields}),
        "time": TIME,
        "places": wanted.places,
        "edges": sorted({first, after, *map(minute_of, wanted.edges)}),
        "first": first,
        "after": after,
        "most": MOST_BLOCKS,
    }
    return session.execute(_STORED, values).all()


def _gaps(rows: Sequence[Row[Any]], last_seq: int) -> list[tuple[int, int | None]]:
    """Return the numbers that no block holds: after one, through another or the end of the log."""
    reached, gaps = 0, list[tuple[int, int | None]]()
    for row in rows:
        if row.field == TIME:
            if row.last_seq > row.head:
                raise NotKept("the blocks are of another history of the log")
            if reached < row.block * BLOCK:
                gaps.append((reached, row.block * BLOCK))
            reached = row.last_seq
    if not rows or reached < rows[0].head:
        gaps.append((reached, None))
    missing = sum(max(0, (last_seq if end is None else end) - after) for after, end in gaps)
    if missing > LIVE or len(gaps) > MOST_GAPS:
        raise NotKept(f"{missing:,} events are in no block")
    return gaps


def _blocks(rows: Sequence[Row[Any]], wanted: Wanted, span: tuple[int, int]) -> Iterator[Part]:
    """Make the blocks of the period, each with the mask of what is within it."""
    first, after = span
    for number, of_block in groupby(rows, lambda row: row.block):
        fields = list(of_block)
        time = next(row for row in fields if row.field == TIME)
        if not time.events or time.last_minute < first or time.first_minute >= after:
            continue
        if lacking := wanted.fields - {row.field for row in fields}:
            raise NotKept(f"block {number:,} keeps no {', '.join(sorted(lacking))}")
        block = of_stored(fields)
        within = block.whole
        if time.first_minute < first or time.last_minute >= after:
            within = block.span(first, after)
        yield Part(block, within)


def _live(
    session: Session,
    workspace_id: UUID,
    wanted: Wanted,
    period: TimeRange,
    numbers: Sequence[ColumnElement[bool]],
) -> Iterator[Part]:
    """Make blocks of what the log itself has of a period."""
    columns = [events.c[name] for name in sorted({TIME, *wanted.fields})]
    found = select(*columns).where(
        events.c.workspace_id == workspace_id, *period_conditions(period), *numbers
    )
    if not numbers:  # no count bounds them
        found = found.execution_options(yield_per=BLOCK)
    for rows in session.execute(found).partitions(BLOCK):
        block = of_rows(rows, sorted(wanted.fields))
        if lacking := wanted.fields - {TIME, DURATION, *block.words}:
            raise NotKept(f"the newest events keep no {', '.join(sorted(lacking))}")
        yield Part(block, block.whole)
