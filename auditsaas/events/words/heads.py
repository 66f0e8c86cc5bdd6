"""Tells how far the dictionary of a log goes, and whether it is that of this log."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, case, cast, select, update
from sqlalchemy import func as sql
from sqlalchemy.orm import Session

from auditsaas.events.follower_head import FollowerHead
from auditsaas.events.models import log_heads
from auditsaas.events.words.models import word_heads

FORMAT: Final = 1
"""Grows where pieces or signatures are made otherwise: what was made before is then made anew."""
MADE_BY: Final[ColumnElement[int]] = FORMAT * 1000 + (
    cast(sql.current_setting("server_version_num"), Integer) // 10_000
)
"""The way in which words are made now. Another version of the server may fold new letters."""
HEAD: Final = FollowerHead(
    table=word_heads, mark=word_heads.c.words_to, made_by=MADE_BY, begun_by=0
)


def marks(workspaces: Collection[UUID]) -> Select[tuple[UUID, int, int]]:
    """Select each log with the number up to which its dictionary answers, and its newest.

    Read it before the blocks are read: what it does not cover is to be looked through as it is.
    The number is 0 where there is no dictionary, or one of another history of the log.
    """
    covered = case((HEAD.of_this_log, word_heads.c.words_to), else_=0)
    return (
        select(log_heads.c.workspace_id, covered.label("words_to"), log_heads.c.seq)
        .outerjoin(word_heads, word_heads.c.workspace_id == log_heads.c.workspace_id)
        .where(log_heads.c.workspace_id.in_(workspaces))
    )


def distrust(session: Session, workspaces: Collection[UUID]) -> int:
    """Let dictionaries answer nothing until they are made anew; return how many that are."""
    head = word_heads.c
    mine = update(word_heads).where(head.workspace_id.in_(workspaces)).values(made_by=0)
    return len(session.scalars(mine.returning(head.workspace_id)).all())
