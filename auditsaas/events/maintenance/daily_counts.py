"""Rebuilds daily rollups that are behind the hourly ones.

Appending and retention keep both. A process of a version that knew no daily counts keeps only the
hourly ones; ``log_heads.days_counted`` then stays behind, the hours are read instead, and the days
of that workspace are counted anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.orm import Session

from auditsaas.events.maintenance.removing import LOCK_HEADS
from auditsaas.events.maintenance.retention import bound
from auditsaas.events.models import log_heads

WORKSPACES = text("SELECT id FROM workspaces ORDER BY id")
BEHIND = text(
    "SELECT workspace_id FROM log_heads WHERE days_counted <> seq + removed ORDER BY workspace_id"
)
FORGET_DAYS = text("DELETE FROM event_days WHERE workspace_id = :workspace")
COUNT_DAYS = text("""
INSERT INTO event_days (workspace_id, day, activity, method, status, n)
SELECT workspace_id, date_trunc('day', hour, 'UTC'), activity, method, status, sum(n)
FROM event_counts WHERE workspace_id = :workspace GROUP BY 1, 2, 3, 4, 5 ORDER BY 2, 3, 4, 5
""")
CAUGHT_UP = text(
    "UPDATE log_heads SET days_counted = seq + removed WHERE workspace_id = :workspace"
)


def complete(session: Session, workspace_ids: Sequence[UUID]) -> bool:
    """Check that the daily counts of all these workspaces are complete."""
    heads = log_heads.c
    all_counted = func.bool_and(heads.days_counted == heads.seq + heads.removed)
    return bool(session.scalar(select(all_counted).where(heads.workspace_id.in_(workspace_ids))))


def rebuild_stale(engine: Engine) -> int:
    """Rebuild stale daily counts as the tables' owner; return how many workspaces."""
    with engine.connect() as connection:
        known = list(connection.scalars(WORKSPACES))
        with bound(connection, known):
            behind = list(connection.scalars(BEHIND))
        return sum(_count(connection, workspace) for workspace in behind)


def _count(connection: Connection, workspace: UUID) -> bool:
    with bound(connection, [workspace]):
        connection.execute(LOCK_HEADS, {"workspaces": [workspace]})
        if connection.scalar(BEHIND) is None:
            return False
        for statement in (FORGET_DAYS, COUNT_DAYS, CAUGHT_UP):
            connection.execute(statement, {"workspace": workspace})
        return True
