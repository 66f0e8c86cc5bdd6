"""Thins out checkpoints: a log that grows all day signs thousands, and few are referred to."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.workspaces.models import Workspace

ALL_FOR: Final = timedelta(days=7)
"""How long every checkpoint stays; of each day before, the last one does."""

_THIN = text(
    """
    DELETE FROM checkpoints AS c USING (
        SELECT size, lead(size) OVER (PARTITION BY at::date ORDER BY size) IS NULL AS is_last
        FROM checkpoints WHERE workspace_id = :workspace AND at < now() - :all_for) AS older
    WHERE c.workspace_id = :workspace AND c.size = older.size AND NOT c.kept AND NOT older.is_last
    RETURNING c.size
    """
)
_ALLOWED = text("SELECT set_config('auditsaas.thinning', 'yes', true)")


def thin(engine: Engine) -> int:
    """Remove checkpoints of each log that are old and neither kept nor the last of their day.

    As the owner of the tables; each log in a transaction of its own. Returns how many went.
    """
    gone = 0
    with Session(engine) as session:
        workspaces = session.scalars(select(Workspace.id)).all()
        session.commit()
        for workspace_id in workspaces:
            tenancy.bind(Scope.of(workspace_id), session)
            session.execute(_ALLOWED)
            asked = {"workspace": workspace_id, "all_for": ALL_FOR}
            gone += len(session.execute(_THIN, asked).all())
            session.commit()
    return gone
