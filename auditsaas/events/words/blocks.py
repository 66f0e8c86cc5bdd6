"""Reads events as the blocks of a dictionary, and stores these."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Text, cast, collate, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auditsaas.events import texts
from auditsaas.events.folding import LINE
from auditsaas.events.models import events
from auditsaas.events.words import signatures
from auditsaas.events.words.models import BLOCK, event_words
from auditsaas.events.words.pieces import different, unwritten, written

AT_ONCE: Final = 4
"""Blocks whose text is in memory at once."""
_KEY: Final = ("workspace_id", "block")


@dataclass(frozen=True)
class Block:
    """The words of some events of a block, and which these are."""

    events: int
    first_seq: int
    last_seq: int
    min_id: UUID
    max_id: UUID
    words: set[bytes]

    def __or__(self, other: Block) -> Block:
        return Block(
            self.events + other.events,
            min(self.first_seq, other.first_seq),
            max(self.last_seq, other.last_seq),
            min(self.min_id, other.min_id),
            max(self.max_id, other.max_id),
            self.words | other.words,
        )

    def holds(self, other: Block) -> bool:
        """Tell whether what is in the other one is found by this."""
        return (
            self.first_seq <= other.first_seq <= other.last_seq <= self.last_seq
            and self.min_id <= other.min_id <= other.max_id <= self.max_id
            and self.words >= other.words
        )

    def values(self) -> dict[str, Any]:
        """Return the columns of its row."""
        return {
            "first_seq": self.first_seq,
            "last_seq": self.last_seq,
            "min_id": self.min_id,
            "max_id": self.max_id,
            "events": self.events,
            "signature": signatures.sign(self.words),
            "words": written(self.words),
        }


def number_of(seq: int) -> int:
    """Return the number of the block that a sequence number is in."""
    return (seq - 1) // BLOCK


def read(session: Session, workspace_id: UUID, chosen: ColumnElement[bool]) -> dict[int, Block]:
    """Read the chosen events as blocks by their numbers."""
    number = (events.c.seq - 1) // literal(BLOCK)
    # Hexadecimals in the order of bytes sort as uuids do, of which older servers know no least.
    hexadecimal = collate(cast(events.c.id, Text), "C")
    ids = func.min(hexadecimal), func.max(hexadecimal)
    numbers = func.count(), func.min(events.c.seq), func.max(events.c.seq)
    found = (
        select(number, func.string_agg(texts.folded(), LINE), *numbers, *ids)
        .where(events.c.workspace_id == workspace_id, chosen)
        .group_by(number)
    )
    return {
        number: Block(n, first, last, UUID(least), UUID(most), different(text))
        for number, text, n, first, last, least, most in session.execute(
            found.execution_options(yield_per=AT_ONCE)
        )
    }


def stored(session: Session, workspace_id: UUID, number: int) -> Block | None:
    """Read a block, to go on from; None where it has no row, or its words are to be made anew."""
    found = select(event_words).where(
        event_words.c.workspace_id == workspace_id, event_words.c.block == number
    )
    row = session.execute(found).one_or_none()
    return None if row is None else of_row(row)


def of_row(row: Row[Any]) -> Block | None:
    """Read a block from its row; None where its words are to be made anew."""
    if row.words is None:
        return None
    bounds = (row.events, row.first_seq, row.last_seq, row.min_id, row.max_id)
    return Block(*bounds, unwritten(row.words))


def store(session: Session, workspace_id: UUID, made: Mapping[int, Block]) -> None:
    """Store blocks in the place of those of their numbers."""
    rows = [
        {"workspace_id": workspace_id, "block": number, **block.values()}
        for number, block in made.items()
    ]
    if rows:
        row = insert(event_words)
        changed = {name: row.excluded[name] for name in rows[0] if name not in _KEY}
        session.execute(row.on_conflict_do_update(index_elements=_KEY, set_=changed), rows)


def remove(session: Session, workspace_id: UUID, numbers: Collection[int]) -> None:
    """Remove blocks of which no number has an event any more."""
    if numbers:
        session.execute(
            delete(event_words).where(
                event_words.c.workspace_id == workspace_id, event_words.c.block.in_(numbers)
            )
        )
