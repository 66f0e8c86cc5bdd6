"""Takes words out of a dictionary, as the owner of the tables, when events lose them or go.

The words of a block are forgotten as a whole, in the transaction of what takes them out of the log,
and made anew behind it by the next turn. Until then any word may be in the block, so a search
looks into it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, literal, select, update
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.models import events, removals
from auditsaas.events.words import blocks
from auditsaas.events.words.heads import HEAD
from auditsaas.events.words.models import BLOCK, event_words, word_heads

STEP: Final = 1000
"""Blocks that one transaction compares with the log."""


def forget(session: Session, workspace_id: UUID, seqs: Collection[int]) -> None:
    """Forget the words of the blocks that these numbers are in; the caller holds ``HEAD.lock``."""
    numbers = sorted({blocks.number_of(seq) for seq in seqs})
    _forget(session, workspace_id, event_words.c.block.in_(numbers))


def settle(session: Session, workspace_id: UUID) -> None:
    """Forget the words of blocks of which retention removed events; commits each step.

    Where that is noted (``maintenance.removals``) every block is compared with the log, so a run
    that ends anywhere is finished by the next.
    """
    tenancy.bind(Scope.of(workspace_id), session)
    noted = select(removals.c.first_seq, removals.c.last_seq)
    found = session.execute(noted.where(removals.c.workspace_id == workspace_id)).one_or_none()
    if found is None:
        return
    first, last = blocks.number_of(found.first_seq), blocks.number_of(found.last_seq)
    for start in range(first, last + 1, STEP):
        HEAD.lock(session, workspace_id)
        _compare(session, workspace_id, start, min(start + STEP, last + 1))
        session.commit()


def _compare(session: Session, workspace_id: UUID, start: int, end: int) -> None:
    """Remove the blocks of these without events, and forget those that have fewer than they had."""
    number = (events.c.seq - 1) // literal(BLOCK)
    counted = (
        select(number.label("block"), func.count().label("n"))
        .where(
            events.c.workspace_id == workspace_id,
            events.c.seq.between(start * BLOCK + 1, end * BLOCK),
        )
        .group_by(number)
    ).cte("counted")
    these = event_words.c.block >= start, event_words.c.block < end
    mine = event_words.c.workspace_id == workspace_id
    session.execute(
        delete(event_words).where(mine, *these, event_words.c.block.not_in(select(counted.c.block)))
    )
    fewer = select(counted.c.block).where(
        counted.c.block == event_words.c.block, counted.c.n != event_words.c.events
    )
    _forget(session, workspace_id, *these, fewer.correlate(event_words).exists())


def _forget(session: Session, workspace_id: UUID, *chosen: ColumnElement[bool]) -> None:
    gone = (
        update(event_words)
        .where(event_words.c.workspace_id == workspace_id, *chosen)
        .values(words=None, signature=None)
        .returning(event_words.c.block)
    )
    if session.scalars(gone).all():
        mine = word_heads.c.workspace_id == workspace_id
        session.execute(update(word_heads).where(mine).values(again=True))
