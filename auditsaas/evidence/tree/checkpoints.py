"""The signed heads of a log, and how far the tree is behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select, update
from sqlalchemy.orm import Session

from auditsaas.events.models import events, log_heads
from auditsaas.evidence.models import checkpoints, tree_heads
from auditsaas.reads.reading import TELLS_NO_EVENT

GROWING = "growing"
FORKED = "forked"


@dataclass(frozen=True)
class Sealed:
    """A checkpoint: a size of the log with its root, the note that its keys signed, and when."""

    size: int
    root: bytes
    note: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class SealState:
    """The progress of the sealing of a log.

    ``size`` leaves are in the tree, ``sealed_size`` of them below a signed checkpoint.
    ``lag_since`` is when the oldest event that is not in the tree was received; None where all are.
    ``state`` is ``growing``, or ``forked``, and then nothing is signed, for ``reason``.
    """

    size: int
    log_seq: int
    sealed_size: int
    sealed_at: datetime | None
    grown_at: datetime | None
    taken_in: int | None
    """The log's last number when sealing began; None where it has not."""
    lag_since: datetime | None
    state: str
    reason: str | None

    @property
    def behind(self) -> int:
        """The number of events that are not in the tree yet."""
        return max(0, self.log_seq - self.size)


def newest(session: Session, workspace_id: UUID) -> Sealed | None:
    """Read the newest checkpoint; None where none is signed yet."""
    return _sealed(session, _found(workspace_id).order_by(checkpoints.c.size.desc()).limit(1))


def at_size(session: Session, workspace_id: UUID, size: int) -> Sealed | None:
    """Read the checkpoint of exactly this size; None where none was signed."""
    return _sealed(session, _found(workspace_id).where(checkpoints.c.size == size))


def keep(session: Session, workspace_id: UUID, size: int) -> None:
    """Mark a checkpoint as held elsewhere, or as part of a file: it stays for good."""
    session.execute(update(checkpoints).where(*_at(workspace_id, size)).values(kept=True))


def state(session: Session, workspace_id: UUID) -> SealState:
    """Read how far a log is sealed, also of one whose sealing has not begun."""
    head = session.execute(
        select(log_heads.c.seq, tree_heads)
        .select_from(log_heads)
        .outerjoin(tree_heads, tree_heads.c.workspace_id == log_heads.c.workspace_id)
        .where(log_heads.c.workspace_id == workspace_id)
    ).one()
    size = head.size or 0
    return SealState(
        size=size,
        log_seq=head.seq,
        sealed_size=head.sealed_size or 0,
        sealed_at=head.sealed_at,
        grown_at=head.grown_at,
        taken_in=head.taken_in,
        lag_since=_received_after(session, workspace_id, size) if head.seq > size else None,
        state=head.state or GROWING,
        reason=head.reason,
    )


def _received_after(session: Session, workspace_id: UUID, size: int) -> datetime | None:
    """Read when the first event after a number was received; numbers may have none any more."""
    first: datetime | None = session.scalar(
        select(events.c.received_at)
        .where(events.c.workspace_id == workspace_id, events.c.seq > size)
        .order_by(events.c.seq)
        .limit(1)
        .execution_options(**{TELLS_NO_EVENT: True})
    )
    return first


def _found(workspace_id: UUID) -> Select[tuple[int, bytes, str, datetime]]:
    columns = (checkpoints.c.size, checkpoints.c.root, checkpoints.c.note, checkpoints.c.at)
    return select(*columns).where(checkpoints.c.workspace_id == workspace_id)


def _at(workspace_id: UUID, size: int) -> list[ColumnElement[bool]]:
    return [checkpoints.c.workspace_id == workspace_id, checkpoints.c.size == size]


def _sealed(session: Session, found: Select[tuple[int, bytes, str, datetime]]) -> Sealed | None:
    row = session.execute(found).one_or_none()
    return None if row is None else Sealed(row.size, row.root, row.note, row.at)
