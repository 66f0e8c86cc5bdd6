"""Compares the dictionary of a log with the log: whether each word of an event is in its block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from auditsaas.events.models import events
from auditsaas.events.words import blocks, heads, signatures
from auditsaas.events.words.blocks import Block
from auditsaas.events.words.models import BLOCK, event_words

STEP: Final = 64
"""Blocks that are compared at once."""


@dataclass(frozen=True)
class Difference:
    """A block that is not as its events are."""

    block: int
    lacking: bool
    """Whether a search may miss events by it; else it only holds what none of them says."""


def words_to(session: Session, workspace_id: UUID) -> int:
    """Read the number up to which the dictionary of a log answers."""
    mark = session.execute(heads.marks([workspace_id])).one_or_none()
    return 0 if mark is None else mark.words_to


def differences(session: Session, workspace_id: UUID, words_to: int) -> Iterator[Difference]:
    """Compare each block up to a number with the log; the session reads one moment."""
    for start in range(0, words_to, STEP * BLOCK):
        last = min(start + STEP * BLOCK, words_to)
        made = blocks.read(session, workspace_id, events.c.seq.between(start + 1, last))
        yield from _compared(made, _kept(session, workspace_id, start // BLOCK))


def _compared(made: dict[int, Block], kept: dict[int, Row[Any]]) -> Iterator[Difference]:
    for number in sorted(made.keys() | kept.keys()):
        there, row = made.get(number), kept.get(number)
        known = None if row is None else blocks.of_row(row)
        if row is None:
            yield Difference(number, lacking=True)
        elif known is None or known == there:
            if known is not None and row.signature != signatures.sign(known.words):
                yield Difference(number, lacking=True)
        else:
            yield Difference(number, lacking=there is not None and not known.holds(there))


def _kept(session: Session, workspace_id: UUID, start: int) -> dict[int, Row[Any]]:
    found = select(event_words).where(
        event_words.c.workspace_id == workspace_id,
        event_words.c.block >= start,
        event_words.c.block < start + STEP,
    )
    return {row.block: row for row in session.execute(found)}
