"""Reads and locks how far the blocks of a log go, and tells whether they are of this log."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Row, Select, and_, cast, select
from sqlalchemy import func as sql
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auditsaas.events.columns.models import FORMAT, column_heads
from auditsaas.events.models import log_heads

EPOCH: Final[ColumnElement[int]] = sql.coalesce(
    cast(log_heads.c.epochs[-1][0].astext, BigInteger), 0
)
OF_THIS_LOG: Final = and_(
    column_heads.c.built_to <= log_heads.c.seq,
    column_heads.c.epoch == EPOCH,
    column_heads.c.made_by == FORMAT,
)


def locked(session: Session, workspace_id: UUID) -> Row[Any] | None:
    """Lock the head of blocks that are to be built, and read the log's; None where it is taken.

    A head that is missing is made first, and committed.
    """
    found = _head(workspace_id).with_for_update(of=column_heads, skip_locked=True)
    row = session.execute(found).one_or_none()
    if row is None and _begin(session, workspace_id):
        session.commit()
        row = session.execute(found).one_or_none()
    return row


def _head(workspace_id: UUID) -> Select[Any]:
    log = (log_heads.c.seq, EPOCH.label("log_epoch"), OF_THIS_LOG.label("of_this_log"))
    return (
        select(column_heads, *log)
        .join(log_heads, log_heads.c.workspace_id == column_heads.c.workspace_id)
        .where(column_heads.c.workspace_id == workspace_id)
    )


def _begin(session: Session, workspace_id: UUID) -> bool:
    """Make the head of blocks where there is none; tell whether this did."""
    made = insert(column_heads).values(workspace_id=workspace_id, made_by=FORMAT)
    begun = made.on_conflict_do_nothing().returning(column_heads.c.workspace_id)
    return session.scalar(begun) is not None
