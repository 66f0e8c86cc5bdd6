"""Finds the blocks of events that may hold a search's words, by the dictionary of each log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Uuid,
    any_,
    case,
    column,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from auditsaas.db.ids import MILLISECOND, first_id_at
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.models import events
from auditsaas.events.reading.scans.cursor import Cursor, first
from auditsaas.events.search.narrowing import Narrowing
from auditsaas.events.words import heads
from auditsaas.events.words.models import event_words

LONGEST_TAIL: Final = 20_000
"""The most events above the marks that are looked through as they are, all logs together."""

SOME: Final = 4

FIRST_ID: Final = UUID(int=0)
LAST_ID: Final = UUID(int=2**128 - 1)

BOUNDS: Final[Sequence[tuple[str, TypeEngine[Any]]]] = (
    ("workspace_id", Uuid()),
    ("first", BigInteger()),
    ("last", BigInteger()),
    ("min_id", Uuid()),
    ("max_id", Uuid()),
)
Columns = Sequence[ColumnElement[Any]]
Condition = ColumnElement[bool]


@dataclass(frozen=True)
class Block:
    """Numbers of one log, both inclusive, and the ids between which their events are."""

    workspace_id: UUID
    first: int
    last: int
    min_id: UUID
    max_id: UUID

    def just_before(self, cursor: Cursor) -> UUID:
        """Return the last id that reading could meet before the block's own."""
        return cursor.just_before(self.max_id if cursor.older else self.min_id)


@dataclass(frozen=True)
class Found:
    """Blocks in the cursor's order; ``reached`` (inclusive) bounds what they are complete for.

    It is None where no block is left.
    """

    blocks: Sequence[Block]
    reached: UUID | None

    @property
    def share(self) -> float:
        """The share of their log's numbers, from the first to the last, that are in a block.

        Of logs with only some blocks it tells nothing.
        """
        of_log: dict[UUID, list[Block]] = {}
        for block in self.blocks:
            of_log.setdefault(block.workspace_id, []).append(block)
        told = [own for own in of_log.values() if len(own) > SOME]
        held = sum(one.last - one.first + 1 for own in told for one in own)
        spans = (max(one.last for one in own) - min(one.first for one in own) for own in told)
        return held / max(1, sum(spans))


@dataclass(frozen=True)
class WordBlocks:
    """The blocks of some logs that a search is narrowed to.

    Numbers above ``snapshot`` are not asked for. What no dictionary covers is the ``tail``, a block
    of each log that is always looked through.
    """

    session: Session
    workspace_ids: Sequence[UUID]
    narrowing: Narrowing
    period: TimeRange
    snapshot: Mapping[UUID, int] | None = None

    @cached_property
    def _marks(self) -> dict[UUID, tuple[int, int]]:
        """The number that each dictionary answers up to, and the log's last that is asked for."""
        rows = self.session.execute(heads.marks(self.workspace_ids)).all()
        last = self.snapshot or {row.workspace_id: row.seq for row in rows}
        return {
            row.workspace_id: (row.words_to, min(row.seq, last[row.workspace_id])) for row in rows
        }

    @property
    def tail(self) -> list[Block]:
        return [
            Block(workspace, words_to + 1, last, FIRST_ID, LAST_ID)
            for workspace, (words_to, last) in self._marks.items()
            if last > words_to
        ]

    @property
    def serve(self) -> bool:
        """Whether so much is in the dictionaries that the rest can be looked through."""
        return sum(one.last - one.first + 1 for one in self.tail) <= LONGEST_TAIL

    def few(self, most: int) -> list[Block] | None:
        """Read all blocks, the tail with them; None where there are more than ``most``."""
        found = self._select().where(self.narrowing.holds)
        rows = self.session.execute(found.limit(first(most + 1))).all()
        return None if len(rows) > most else [*self.tail, *self._trusted(rows)]

    def nearest(self, cursor: Cursor, most: int) -> Found:
        """Read the ``most`` blocks that reading comes to first, without the tail.

        Of very many logs all signatures are compared before the first words are read.
        """
        edge = event_words.c.max_id if cursor.older else event_words.c.min_id
        signed, written = self.narrowing.signed, self.narrowing.written
        if len(self.workspace_ids) == 1 or signed is None:
            near = self._select(true().label("holds"), cursor=cursor).where(self.narrowing.holds)
        else:
            near = self._select(written.label("holds"), cursor=cursor).where(signed)
        rows = self.session.execute(near.order_by(cursor.order(edge)).limit(first(most + 1))).all()
        blocks = self._trusted(row for row in rows[:most] if row.holds)
        if len(rows) <= most:
            return Found(blocks, None)
        edge_of_next = rows[most].max_id if cursor.older else rows[most].min_id
        return Found(blocks, cursor.just_before(edge_of_next))

    def _select(self, *extra: ColumnElement[Any], cursor: Cursor | None = None) -> Select[Any]:
        """Select blocks that may hold events of the period, beyond the cursor."""
        block = event_words.c
        own = (
            block.workspace_id == self.workspace_ids[0]
            if len(self.workspace_ids) == 1
            else block.workspace_id == any_(literal(list(self.workspace_ids), ARRAY(Uuid)))
        )
        found = select(
            block.workspace_id, block.first_seq, block.last_seq, block.min_id, block.max_id, *extra
        ).where(own)
        if self.period.start is not None:
            found = found.where(block.max_id >= first_id_at(self.period.start))
        if self.period.end is not None:
            found = found.where(block.min_id < first_id_at(self.period.end + MILLISECOND))
        if cursor is not None and cursor.id is not None:
            beyond = block.min_id < cursor.id if cursor.older else block.max_id > cursor.id
            found = found.where(beyond)
        return found

    def _trusted(self, rows: Iterable[Row[Any]]) -> list[Block]:
        """Return blocks as far as the marks go that were read before them.

        What a builder added to them since is in the tail.
        """
        found = []
        for row in rows:
            words_to, last = self._marks.get(row.workspace_id, (0, 0))
            until = min(row.last_seq, words_to, last)
            if row.first_seq <= until:
                found.append(Block(row.workspace_id, row.first_seq, until, row.min_id, row.max_id))
        return found


def events_of(blocks: Sequence[Block], columns: Columns, condition: Condition) -> Select[Any]:
    """Select the events of blocks that meet a condition, in no order."""
    arrays = (literal([getattr(one, name) for one in blocks], ARRAY(kind)) for name, kind in BOUNDS)
    listed = (column(name, kind) for name, kind in BOUNDS)
    block = func.unnest(*arrays).table_valued(*listed).render_derived(name="block")
    part = (
        select(*columns)
        .where(
            events.c.workspace_id == block.c.workspace_id,
            events.c.seq.between(block.c.first, block.c.last),
            # Bounds that lead to months, written so that no index by id looks better than that of
            # numbers: between them there may be many more events than the block's.
            events.c.id >= any_(array([block.c.min_id])),
            events.c.id <= any_(array([block.c.max_id])),
            case((condition, true()), else_=False),
        )
        .offset(first(0))
        .lateral("part")
    )
    return select(*part.c).select_from(block.join(part, true()))
