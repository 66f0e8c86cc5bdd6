"""Reads events as the blocks of a dictionary, and stores these."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auditsaas.events import texts
from auditsaas.events.folding import LINE
from auditsaas.events.models import events
from auditsaas.events.words import signatures
from auditsaas.events.words.models import BLOCK, event_words
from auditsaas.events.words.pieces import pieces, written

AT_ONCE: Final = 250
"""Events that are fetched together."""
_KEY: Final = ("workspace_id", "block")


@dataclass
class Block:
    """The words of some events of a block, and which these are."""

    events: int = 0
    seqs: set[int] = field(default_factory=set)
    ids: set[UUID] = field(default_factory=set)
    words: set[str] = field(default_factory=set)

    def values(self) -> dict[str, Any]:
        """Return the columns of its row."""
        return {
            "first_seq": min(self.seqs),
            "last_seq": max(self.seqs),
            "min_id": min(self.ids),
            "max_id": max(self.ids),
            "events": self.events,
            "signature": signatures.sign(self.words),
            "words": written(self.words),
        }


def number_of(seq: int) -> int:
    """Return the number of the block that a sequence number is in."""
    return (seq - 1) // BLOCK


def read(
    session: Session,
    workspace_id: UUID,
    chosen: ColumnElement[bool],
    begun: Mapping[int, Block] | None = None,
) -> dict[int, Block]:
    """Read the chosen events as blocks by their numbers, added to those that are begun."""
    made = dict(begun or {})
    found = select(events.c.seq, events.c.id, texts.folded()).where(
        events.c.workspace_id == workspace_id, chosen
    )
    for seq, identifier, text in session.execute(found.execution_options(yield_per=AT_ONCE)):
        block = made.setdefault(number_of(seq), Block())
        block.events += 1
        block.seqs.add(seq)
        block.ids.add(identifier)
        block.words.update(pieces(text))
    return made


def stored(session: Session, workspace_id: UUID, number: int) -> Block | None:
    """Read a block that is to grow: empty without a row, None where its words are unknown."""
    found = select(event_words).where(
        event_words.c.workspace_id == workspace_id, event_words.c.block == number
    )
    row = session.execute(found).one_or_none()
    if row is None:
        return Block()
    return None if row.words is None else _block(row)


def _block(row: Row[Any]) -> Block:
    seqs, ids = {row.first_seq, row.last_seq}, {row.min_id, row.max_id}
    return Block(row.events, seqs, ids, set(row.words.split(LINE)) - {""})


def store(session: Session, workspace_id: UUID, made: Mapping[int, Block]) -> None:
    """Store blocks in the place of those of their numbers."""
    rows = [
        {"workspace_id": workspace_id, "block": number, **block.values()}
        for number, block in made.items()
        if block.events
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
