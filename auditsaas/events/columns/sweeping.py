"""Finds the logs that are ahead of their blocks, and builds these in turn."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, not_, or_
from sqlalchemy.orm import Session

from auditsaas.events.columns import building
from auditsaas.events.columns.heads import HEAD
from auditsaas.events.columns.models import column_heads
from auditsaas.events.following import Follower
from auditsaas.events.models import log_heads


def _build(session: Session, workspace_id: UUID, turn: timedelta) -> bool:
    return building.build(session, workspace_id, turn=turn) is not None


COLUMNS: Final = Follower(
    name="columns",
    head=column_heads,
    due=or_(
        log_heads.c.seq - func.coalesce(column_heads.c.built_to, 0) >= building.LEAST,
        not_(HEAD.of_this_log),
    ),
    grow=_build,
)
