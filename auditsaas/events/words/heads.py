"""Tells how far the dictionary of a log goes, and whether it is that of this log."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Row,
    Select,
    and_,
    case,
    cast,
    select,
    update,
)
from sqlalchemy import func as sql
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auditsaas.events.models import log_heads
from auditsaas.events.words.models import word_heads

FORMAT: Final = 1
"""Grows where pieces or signatures are made otherwise: what was made before is then made anew."""
MADE_BY: Final[ColumnElement[int]] = FORMAT * 1000 + (
    cast(sql.current_setting("server_version_num"), Integer) // 10_000
)
"""The way in which words are made now. Another version of the server may fold new letters."""
EPOCH: Final[ColumnElement[int]] = sql.coalesce(
    cast(log_heads.c.epochs[-1][0].astext, BigInteger), 0
)
OF_THIS_LOG: Final = and_(
    word_heads.c.words_to <= log_heads.c.seq,
    word_heads.c.epoch == EPOCH,
    word_heads.c.made_by == MADE_BY,
)


def marks(workspaces: Collection[UUID]) -> Select[tuple[UUID, int, int]]:
    """Select each log with the number up to which its dictionary answers, and its newest.

    Read it before the blocks are read: what it does not cover is to be looked through as it is.
    The number is 0 where there is no dictionary, or one of another history of the log.
    """
    covered = case((OF_THIS_LOG, word_heads.c.words_to), else_=0)
    return (
        select(log_heads.c.workspace_id, covered.label("words_to"), log_heads.c.seq)
        .outerjoin(word_heads, word_heads.c.workspace_id == log_heads.c.workspace_id)
        .where(log_heads.c.workspace_id.in_(workspaces))
    )


def lock(session: Session, workspace_id: UUID) -> None:
    """Keep builders from the dictionary of a log until the transaction ends, as the tables' owner.

    It is locked before the head of the log, for a builder reads the log while it holds this.
    """
    _begin(session, workspace_id)
    session.execute(_head(workspace_id).with_for_update(of=word_heads))


def locked(session: Session, workspace_id: UUID) -> Row[Any] | None:
    """Lock the head of a dictionary that is to grow, and read the log's; None where it is taken.

    A head that is missing is made first, and committed.
    """
    found = _head(workspace_id).with_for_update(of=word_heads, skip_locked=True)
    row = session.execute(found).one_or_none()
    if row is None and _begin(session, workspace_id):
        session.commit()
        row = session.execute(found).one_or_none()
    return row


def distrust(session: Session, workspaces: Collection[UUID]) -> int:
    """Let dictionaries answer nothing until they are made anew; return how many that are."""
    head = word_heads.c
    mine = update(word_heads).where(head.workspace_id.in_(workspaces)).values(made_by=0)
    return len(session.scalars(mine.returning(head.workspace_id)).all())


def _head(workspace_id: UUID) -> Select[Any]:
    log = (log_heads.c.seq, EPOCH.label("log_epoch"), OF_THIS_LOG.label("of_this_log"))
    return (
        select(word_heads, *log, MADE_BY.label("made_by_now"))
        .join(log_heads, log_heads.c.workspace_id == word_heads.c.workspace_id)
        .where(word_heads.c.workspace_id == workspace_id)
    )


def _begin(session: Session, workspace_id: UUID) -> bool:
    """Make the head of a dictionary where there is none; tell whether this did."""
    made = insert(word_heads).values(workspace_id=workspace_id, epoch=0, made_by=0)
    begun = made.on_conflict_do_nothing().returning(word_heads.c.workspace_id)
    return session.scalar(begun) is not None
