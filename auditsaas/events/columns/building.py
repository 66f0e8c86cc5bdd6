"""Builds the blocks of one log: a turn of steps, each a transaction that is committed here.

A step locks the head of the blocks, reads the events that follow it, and stores their blocks and
the new mark, or nothing of it. The lock keeps two builders apart, and builders from what changes
events (``forgetting``). Appends are not held up: the head of the log is only read.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.columns.block import FIELDS, TIME, Block, of_rows, stored
from auditsaas.events.columns.heads import HEAD
from auditsaas.events.columns.models import BLOCK, FORMAT, column_heads, event_columns
from auditsaas.events.follower_head import id_of
from auditsaas.events.models import events

LEAST: Final = 2_048
"""Events by which a log must be ahead of its blocks; fewer are read from the log itself."""
STEP: Final = 4
"""Blocks that one transaction makes."""
TURN: Final = timedelta(seconds=20)
"""The time after which a log that is still behind is left to others that wait."""


@dataclass(frozen=True)
class Built:
    """The outcome of a turn: the number up to which blocks are kept, and what is in none yet."""

    built_to: int
    behind: int


def build(
    session: Session, workspace_id: UUID, *, turn: timedelta = TURN, least: int = LEAST
) -> Built | None:
    """Build the blocks of what a log has more than these, as the tables' owner.

    What is left are fewer than ``least`` events. Returns None where another builder is at it.
    """
    tenancy.bind(Scope.of(workspace_id), session)
    ends, built = time.monotonic() + turn.total_seconds(), None
    while built is None or (built.behind >= least and time.monotonic() < ends):
        step = _step(session, workspace_id, least)
        if step is None:
            return built
        built = step
    return built


def block_of(session: Session, workspace_id: UUID, number: int, last_seq: int) -> Block:
    """Make a block of what the log has of its numbers."""
    chosen = events.c.seq.between(number * BLOCK + 1, last_seq)
    found = select(*(events.c[name] for name in FIELDS)).where(
        events.c.workspace_id == workspace_id, chosen
    )
    return of_rows(session.execute(found.order_by(events.c.seq)).all())


def _step(session: Session, workspace_id: UUID, least: int) -> Built | None:
    """Make some blocks, or none of them; None where another builder is at it."""
    head = HEAD.locked(session, workspace_id)
    if head is None:
        session.rollback()
        return None
    reached, begun = head.built_to, 0
    if not head.of_this_log or not _has_its_last_event(session, head):
        session.execute(delete(event_columns).where(event_columns.c.workspace_id == workspace_id))
        reached = 0
    ends = _ends(session, workspace_id, reached // BLOCK)
    while head.seq - reached >= least and begun < STEP:
        number = reached // BLOCK
        until = min((number + 1) * BLOCK, head.seq)
        if ends.get(number) != until:
            _store(session, workspace_id, number, until)
            begun += 1
        reached = until
    _set(session, head, reached)
    session.commit()
    return Built(reached, head.seq - reached)


def _has_its_last_event(session: Session, head: Row[Any]) -> bool:
    """Tell whether the last event of the blocks is the log's of that number, where it has one.

    A log that was brought back from a backup gives its numbers to other events.
    """
    there = id_of(session, head.workspace_id, head.built_to)
    return head.last_id is None or there in (None, head.last_id)


def _ends(session: Session, workspace_id: UUID, first: int) -> dict[int, int]:
    """Read the last number of each block that is there, from one on."""
    found = select(event_columns.c.block, event_columns.c.last_seq).where(
        event_columns.c.workspace_id == workspace_id,
        event_columns.c.field == TIME,
        event_columns.c.block >= first,
    )
    return {row.block: row.last_seq for row in session.execute(found)}


def _store(session: Session, workspace_id: UUID, number: int, last_seq: int) -> None:
    """Store a block in the place of what is there of it."""
    block = block_of(session, workspace_id, number, last_seq)
    of_block = {
        "workspace_id": workspace_id,
        "block": number,
        "last_seq": last_seq,
        "events": block.events,
        "first_minute": block.first_minute,
        "last_minute": block.last_minute,
    }
    session.execute(
        delete(event_columns).where(
            event_columns.c.workspace_id == workspace_id, event_columns.c.block == number
        )
    )
    fields = stored(block).items()
    session.execute(
        insert(event_columns), [{**of_block, "field": name, **known} for name, known in fields]
    )


def _set(session: Session, head: Row[Any], built_to: int) -> None:
    session.execute(
        update(column_heads)
        .where(column_heads.c.workspace_id == head.workspace_id)
        .values(
            built_to=built_to,
            last_id=id_of(session, head.workspace_id, built_to),
            epoch=head.log_epoch,
            made_by=FORMAT,
            grown_at=func.now(),
            attempts=0,
            retry_at=None,
        )
    )
