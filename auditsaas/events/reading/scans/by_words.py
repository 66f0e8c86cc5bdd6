"""Reads the events that a search's words may be in, as the dictionaries of words tell.

What is rare is found at once, however far back it is. What is in a great many blocks is read as it
is without a dictionary: step by step from the newest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_
from sqlalchemy.orm import Session

from auditsaas.events.filter.event_filter import FILTERS, EventFilter
from auditsaas.events.models import events
from auditsaas.events.reading.scans.budget import Budget
from auditsaas.events.reading.scans.cursor import Cursor, first
from auditsaas.events.reading.scans.event_rows import WHOLE, RowColumns, with_actors
from auditsaas.events.reading.scans.logs import Source
from auditsaas.events.reading.scans.sample import Sample, Take
from auditsaas.events.reading.scans.word_blocks import Block, Found, WordBlocks, events_of
from auditsaas.events.search import narrowing

STEP: Final = 1_000
"""Events that a page looks at as they are before the dictionary is asked."""

FEW: Final = 400
"""Blocks that are read as one: about the events that are sampled otherwise."""
ACROSS: Final = 200
"""Blocks that a page of very many logs reads."""
COUNTED: Final = 4_000
"""Blocks that are read while there is time, where no index leads to fewer events."""

COMMON: Final = 0.5
"""The share of a log's blocks from which on it is read without the dictionary."""

FIRST_LIST: Final = 32
"""Blocks that a page asks the dictionary for, and how many of them it reads first."""
FIRST_PART: Final = 8
LIST_GROWTH: Final = 4
COUNTED_PART: Final = 64

Columns = Sequence[ColumnElement[Any]]


def by_words(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    snapshot: Mapping[UUID, int] | None,
    logs: Source,
    *,
    at_once: bool,
) -> Source:
    """Read logs by their dictionaries where a filter has words that these can tell of."""
    asked = narrowing.ways(event_filter.terms)
    wanted = narrowing.narrow(session, asked) if asked and workspace_ids else None
    if wanted is None:
        return logs
    blocks = WordBlocks(session, workspace_ids, wanted, event_filter.period, snapshot)
    led = _is_led(event_filter)
    return ByWords(session, logs, blocks, at_once=at_once, led=led)


def _is_led(event_filter: EventFilter) -> bool:
    """Tell whether an index leads to few of the events, apart from the period."""
    values = ((known, getattr(event_filter, name)) for name, known in FILTERS.items())
    return any(known.indexed and value and known.is_indexed(value) for known, value in values)


@dataclass(frozen=True)
class ByWords:
    """One filter over some logs, narrowed to blocks of them; read as ``logs`` where these fail."""

    session: Session
    logs: Source
    blocks: WordBlocks
    at_once: bool
    """Whether the logs are so few that their blocks are in the order of time."""
    led: bool

    def page(
        self,
        limit: int,
        cursor: Cursor,
        columns: RowColumns = WHOLE,
        budget: Budget | None = None,
    ) -> tuple[list[Any], UUID | None]:
        if not self.at_once:
            return self._across(limit, cursor, columns, budget or Budget())
        # What is common fills a page in one step.
        rows, reached = self.logs.page(limit, cursor, columns, Budget(seconds=0, step=STEP))
        if reached is None:
            return rows, None
        cursor = cursor.moved(reached)
        search = self._search if self.blocks.serve else self.logs.page
        more, reached = search(limit - len(rows), cursor, columns, budget or Budget())
        return [*rows, *more], reached

    def condition(self) -> ColumnElement[bool]:
        return self._condition

    def ordered(self, columns: Columns) -> Select[Any]:
        blocks = self._few(FEW)
        if blocks is None:
            return self.logs.ordered(columns)
        found = self._matching(blocks, [*columns, events.c.id.label("merge_id")]).subquery("scan")
        chosen = [column for column in found.c if column.name != "merge_id"]
        return found.select().with_only_columns(*chosen).order_by(found.c.merge_id.desc())

    def every(self, columns: Columns) -> list[Select[Any]]:
        blocks = self._few(FEW)
        return self.logs.every(columns) if blocks is None else [self._matching(blocks, columns)]

    def share(self, cap: int) -> int:
        return self.logs.share(cap)

    def sample(self, columns: Columns, per_log: int) -> Sample:
        blocks = self._few(FEW)
        if blocks is None:
            return self.logs.sample(columns, per_log)
        return Sample([self._matching(blocks, columns)], cut=False)

    def read_sample(self, columns: Columns, cap: int, take: Take) -> UUID | None:
        blocks = self._few(FEW)
        if blocks is None:
            return self.logs.read_sample(columns, cap, take)
        take(self._matching(blocks, columns))
        return None

    def read_steps(self, columns: Columns, enough: int, take: Take, budget: Budget) -> UUID | None:
        blocks = self._few(FEW if self.led else COUNTED)
        if blocks is None:
            return self.logs.read_steps(columns, enough, take, budget)
        found = 0
        for at in range(0, len(blocks), COUNTED_PART):
            part = self._matching(blocks[at : at + COUNTED_PART], columns)
            found += take(part.limit(first(enough - found)))
            left = blocks[at + COUNTED_PART :]
            if left and (found >= enough or budget.spent):
                return left[0].max_id
        return None

    @cached_property
    def _condition(self) -> ColumnElement[bool]:
        return self.logs.condition()

    def _few(self, most: int) -> list[Block] | None:
        return self.blocks.few(most) if self.blocks.serve else None

    def _matching(self, blocks: Sequence[Block], columns: Columns) -> Select[Any]:
        return events_of(blocks, columns, self._condition)

    def _across(
        self, limit: int, cursor: Cursor, columns: RowColumns, budget: Budget
    ) -> tuple[list[Any], UUID | None]:
        """Read the next rows of very many logs.

        A block of a quiet log is of months, so that none of its events can be left for later: all
        blocks are read where they are few, and none where they are many.
        """
        blocks = self._few(ACROSS)
        if blocks is None:
            return self.logs.page(limit, cursor, columns, budget)
        return self._rows(blocks, limit, cursor, columns), None

    def _search(
        self, limit: int, cursor: Cursor, columns: RowColumns, budget: Budget
    ) -> tuple[list[Any], UUID | None]:
        """Read the next rows from lists of blocks, each longer than the one before it."""
        rows: list[Any] = []
        most = FIRST_LIST
        while not budget.spent:
            found = self.blocks.nearest(cursor, most)
            if found.reached is not None and found.share >= COMMON:
                break
            if found.reached is None or cursor.leads_to(found.reached):
                more, reached = self._in_order(found, limit - len(rows), cursor, columns, budget)
                rows += more
                if reached is None or len(rows) >= limit:
                    return rows, None
                if cursor.leads_to(reached):
                    cursor = cursor.moved(reached)
            most *= LIST_GROWTH
        more, reached = self.logs.page(limit - len(rows), cursor, columns, budget)
        return [*rows, *more], reached

    def _in_order(
        self, found: Found, limit: int, cursor: Cursor, columns: RowColumns, budget: Budget
    ) -> tuple[list[Any], UUID | None]:
        """Read the next rows of some blocks, part by part; the id that they are complete to."""
        rows: list[Any] = []
        part, left = list(found.blocks[:FIRST_PART]), found.blocks[FIRST_PART:]
        part += self.blocks.tail
        size = FIRST_PART
        while True:
            rows += self._rows(part, limit, cursor, columns)
            rows = sorted(rows, key=lambda row: row.id, reverse=cursor.older)[:limit]
            reached = left[0].just_before(cursor) if left else found.reached
            final = [row for row in rows if reached is None or cursor.reaches(row.id, reached)]
            if not left or len(final) >= limit or budget.spent:
                return final, reached
            size *= 2
            part, left = list(left[:size]), left[size:]

    def _rows(
        self, blocks: Sequence[Block], limit: int, cursor: Cursor, columns: RowColumns
    ) -> list[Any]:
        """Read the blocks' next rows, those of all their logs together."""
        if not blocks:
            return []
        beyond = and_(self._condition, *cursor.within())
        found = events_of(blocks, columns.of_event, beyond).subquery()
        some = found.select().order_by(cursor.order(found.c.id)).limit(first(limit))
        return columns.read(self.session, with_actors(some, columns, cursor))
