"""Grows the dictionary of one log: a turn of steps, each a transaction that is committed here.

A step locks the head of the dictionary, reads the events that follow it, and stores their blocks
and the new mark, or nothing of it. The lock is what keeps two builders apart, and builders from
what takes words out (``forgetting``). Appends are not held up: the head of the log is only read.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, delete, func, or_, select, update
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.follower_head import id_of
from auditsaas.events.models import events
from auditsaas.events.words import blocks
from auditsaas.events.words.heads import HEAD
from auditsaas.events.words.models import BLOCK, event_words, word_heads

STEP: Final = 16
"""Blocks that one transaction makes."""
TURN: Final = timedelta(seconds=20)
"""The time after which a log that is still behind is left to others that wait."""


@dataclass(frozen=True)
class Grown:
    """The outcome of a turn: the number up to which words are kept, and what is left to do."""

    words_to: int
    behind: int
    """Events whose words are not in the dictionary yet."""
    again: bool
    """Whether blocks are left whose words are to be made anew."""

    @property
    def ended(self) -> bool:
        return not self.behind and not self.again


def grow(session: Session, workspace_id: UUID, *, turn: timedelta = TURN) -> Grown | None:
    """Take the words of what a log has more than its dictionary into it, as the tables' owner.

    Returns None where another builder is at it.
    """
    tenancy.bind(Scope.of(workspace_id), session)
    ends, grown = time.monotonic() + turn.total_seconds(), None
    while grown is None or (not grown.ended and time.monotonic() < ends):
        step = _step(session, workspace_id)
        if step is None:
            return grown
        grown = step
    return grown


def _step(session: Session, workspace_id: UUID) -> Grown | None:
    """Make some blocks, or none of them; None where another builder is at it."""
    head = HEAD.locked(session, workspace_id)
    if head is None:
        session.rollback()
        return None
    if not head.of_this_log or not _has_its_last_event(session, head):
        _begin_anew(session, head)
        grown = Grown(0, head.seq, again=False)
    elif head.again:
        grown = _make_again(session, head)
    else:
        grown = _go_on(session, head)
    session.commit()
    return grown


def _has_its_last_event(session: Session, head: Row[Any]) -> bool:
    """Tell whether the last event of the dictionary is the log's of that number, where it has one.

    A log that was brought back from a backup gives its numbers to other events.
    """
    return id_of(session, head.workspace_id, head.words_to) in (None, head.last_id)


def _begin_anew(session: Session, head: Row[Any]) -> None:
    """Go back to the first event of a log, of which the dictionary is not or is made otherwise.

    Blocks stay until they are made anew, for a reader may have asked for the mark already; those
    beyond the log go.
    """
    beyond = event_words.c.block * BLOCK >= head.seq
    session.execute(
        delete(event_words).where(event_words.c.workspace_id == head.workspace_id, beyond)
    )
    changed = {"words_to": 0, "last_id": None, "again": False}
    _set(session, head, epoch=head.log_epoch, made_by=head.made_by_now, **changed)


def _go_on(session: Session, head: Row[Any]) -> Grown:
    """Make the blocks that follow the mark, or grow the one that is not full."""
    after, workspace_id = head.words_to, head.workspace_id
    number = after // BLOCK
    until = min(head.seq, (number + STEP) * BLOCK)
    if until > after:
        begun = blocks.stored(session, workspace_id, number) if after % BLOCK else None
        first = after + 1 if begun else number * BLOCK + 1
        made = blocks.read(session, workspace_id, events.c.seq.between(first, until))
        if begun:
            made[number] = begun | made[number] if number in made else begun
        blocks.store(session, workspace_id, made)
        anew = range(number, blocks.number_of(until) + 1)
        blocks.remove(session, workspace_id, {*anew} - made.keys())
        _set(session, head, words_to=until, last_id=id_of(session, workspace_id, until))
    return Grown(until, head.seq - until, again=False)


def _make_again(session: Session, head: Row[Any]) -> Grown:
    """Make the words of blocks anew from which some were taken out."""
    workspace_id = head.workspace_id
    unknown = event_words.c.workspace_id == workspace_id, event_words.c.words.is_(None)
    found = select(event_words.c.block).where(*unknown).order_by(event_words.c.block)
    numbers = session.scalars(found.limit(STEP)).all()
    if numbers:
        ranges = [
            events.c.seq.between(one * BLOCK + 1, min((one + 1) * BLOCK, head.words_to))
            for one in numbers
        ]
        made = blocks.read(session, workspace_id, or_(*ranges))
        blocks.store(session, workspace_id, made)
        blocks.remove(session, workspace_id, set(numbers) - made.keys())
    again = len(numbers) == STEP
    _set(session, head, again=again)
    return Grown(head.words_to, head.seq - head.words_to, again=again)


def _set(session: Session, head: Row[Any], **changed: Any) -> None:
    session.execute(
        update(word_heads)
        .where(word_heads.c.workspace_id == head.workspace_id)
        .values(grown_at=func.now(), attempts=0, retry_at=None, **changed)
    )
