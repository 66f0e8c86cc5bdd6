"""Reads a log in the order it was written: what comes after a sequence number.

A number is taken and committed under the lock of the workspace's head, so a reader that sees one
has seen all that are smaller: one that goes on from the last number it got can neither skip an
event nor meet one twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from auditsaas.events.maintenance.epochs import Epochs
from auditsaas.events.models import events, log_heads
from auditsaas.events.reading.scans.event_rows import ROW_COLUMNS


class OtherEpoch(Exception):
    """The reader's number is of another epoch, so it may name another event, or none yet."""

    def __init__(self, epoch: int, after: int) -> None:
        super().__init__("The log was brought back from a backup.")
        self.epoch = epoch
        """That of the log as it is."""
        self.after = after
        """The number to go on from in it: what is up to there the reader has."""


@dataclass(frozen=True)
class Following:
    """Events after a sequence number, oldest first."""

    rows: Sequence[Row[Any]]
    last_seq: int
    """The sequence number to go on from."""
    epoch: int
    """The epoch of the sequence numbers."""
    complete_through: datetime | None
    """Everything received before this instant is at or below ``last_seq``; None in an empty log."""
    behind: int
    """The number of sequence numbers after ``last_seq``."""


def following(
    session: Session, workspace_id: UUID, *, after: int, limit: int, epoch: int | None = None
) -> Following:
    """Read at most ``limit`` events after a sequence number.

    Raises:
        OtherEpoch: the number is not of the log as it is.
    """
    head = session.execute(
        select(log_heads.c.seq, log_heads.c.last_received_at, log_heads.c.epochs).where(
            log_heads.c.workspace_id == workspace_id
        )
    ).one()
    known = Epochs.of(head.epochs)
    if epoch is not None and epoch != known.current:
        raise OtherEpoch(known.current, min(after, known.shared_through(epoch)))
    if after > head.seq:
        raise OtherEpoch(known.current, 0)
    rows = session.execute(
        select(*ROW_COLUMNS)
        .where(events.c.workspace_id == workspace_id, events.c.seq > after)
        .order_by(events.c.seq)
        .limit(limit)
    ).all()
    if rows:
        last = rows[-1]
        return Following(
            rows, last.seq, known.current, last.received_at, max(0, head.seq - last.seq)
        )
    # What lay between is past its retention.
    return Following((), head.seq, known.current, head.last_received_at, 0)


def last_seq(session: Session, workspace_id: UUID) -> int:
    """Read the newest sequence number; 0 in an empty log."""
    found: int | None = session.scalar(
        select(log_heads.c.seq).where(log_heads.c.workspace_id == workspace_id)
    )
    return found or 0
