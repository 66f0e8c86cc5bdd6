"""Forgets blocks whose events change, in the transaction that changes them.

Retention and erasure lock the head of the blocks before that of the log, so that no builder stores
what it read before. What was forgotten is read from the log itself until it is built anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Connection, Uuid, bindparam, text, update
from sqlalchemy.orm import Session

from auditsaas.events.columns.block import minute_of
from auditsaas.events.columns.models import BLOCK, FORMAT, column_heads

_WORKSPACES: Final = bindparam("workspaces", type_=ARRAY(Uuid))
_BEGIN: Final = text(
    "INSERT INTO column_heads (workspace_id, made_by) SELECT unnest(:workspaces), :made_by"
    " ON CONFLICT DO NOTHING"
).bindparams(_WORKSPACES)
_LOCK: Final = text(
    "SELECT FROM column_heads WHERE workspace_id = ANY (:workspaces) ORDER BY workspace_id"
    " FOR UPDATE"
).bindparams(_WORKSPACES)
_BEHIND: Final = """
, first AS (SELECT workspace_id, min(block) AS block FROM gone GROUP BY 1)
UPDATE column_heads AS h SET built_to = :size * first.block, last_id = NULL
FROM first WHERE h.workspace_id = first.workspace_id AND h.built_to > :size * first.block
"""
_FORGET: Final = text(f"""
WITH gone AS (
    DELETE FROM event_columns WHERE workspace_id = :workspace AND block = ANY (:blocks)
    RETURNING workspace_id, block
)
{_BEHIND}
""").bindparams(bindparam("blocks", type_=ARRAY(BigInteger)))  # noqa: S608  # joins two constants
_FORGET_PERIOD: Final = text(f"""
WITH gone AS (
    DELETE FROM event_columns WHERE workspace_id = ANY (:workspaces)
    AND last_minute >= :first AND first_minute < :after RETURNING workspace_id, block
)
{_BEHIND}
""").bindparams(_WORKSPACES)  # noqa: S608  # joins two constants


def distrust(session: Session, workspaces: Iterable[UUID]) -> int:
    """Let the blocks of these logs answer nothing until they are made anew; return of how many."""
    asked = list(workspaces)
    lock(session, asked)
    changed = update(column_heads).where(column_heads.c.workspace_id.in_(asked)).values(made_by=0)
    return len(session.scalars(changed.returning(column_heads.c.workspace_id)).all())


def lock(connection: Connection | Session, workspaces: Iterable[UUID]) -> None:
    """Keep builders from the blocks of these logs until the transaction ends."""
    values = {"workspaces": sorted(workspaces)}
    connection.execute(_BEGIN, {**values, "made_by": FORMAT})
    connection.execute(_LOCK, values)


def forget(connection: Connection | Session, workspace: UUID, blocks: Collection[int]) -> None:
    """Forget blocks of a log that is locked."""
    values = {"workspace": workspace, "blocks": sorted(blocks), "size": BLOCK}
    connection.execute(_FORGET, values)


def forget_period(
    connection: Connection, workspaces: Iterable[UUID], start: datetime, end: datetime
) -> None:
    """Forget the blocks of these logs, which are locked, that have events of a period."""
    values = {"first": minute_of(start), "after": minute_of(end), "size": BLOCK}
    connection.execute(_FORGET_PERIOD, {**values, "workspaces": sorted(workspaces)})


def blocks_of(numbers: Iterable[int]) -> set[int]:
    """Return the blocks of these sequence numbers."""
    return {(number - 1) // BLOCK for number in numbers}
