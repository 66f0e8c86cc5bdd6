"""Finds the logs that grew, and grows their trees in turn."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from auditsaas.events import following
from auditsaas.events.following import Follower, Look
from auditsaas.events.models import log_heads
from auditsaas.evidence.models import tree_heads
from auditsaas.evidence.tree import growing, signing
from auditsaas.evidence.tree.checkpoints import GROWING
from auditsaas.evidence.tree.key_folder import SecretMissing
from auditsaas.evidence.tree.keys import Keyring
from auditsaas.extensions import db


def sweep(ring: Keyring, most: timedelta = growing.TURN, look: Look | None = None) -> int:
    """Grow the trees that are behind their logs, for a while; return how many turns grew one."""
    return following.sweep(db.session(), trees(ring), most, look)


def trees(ring: Keyring) -> Follower:
    """Build the follower that seals logs by these keys."""

    def grow(session: Session, workspace_id: UUID, turn: timedelta) -> bool:
        return growing.grow(workspace_id, ring, turn=turn, session=session) is not None

    return Follower(
        name="tree",
        head=tree_heads,
        due=_DUE,
        grow=grow,
        fails_by=(SecretMissing, SQLAlchemyError, OSError),
        noted=_noted,
    )


def _is_due() -> ColumnElement[bool]:
    """Build the condition of events beyond a tree, or of a tree beyond its checkpoint."""
    head = tree_heads.c
    behind = log_heads.c.seq > func.coalesce(head.size, 0)
    unsigned = and_(head.size > head.sealed_size, head.sealed_at < func.now() - signing.SIGN_EVERY)
    return and_(or_(behind, unsigned), func.coalesce(head.state, GROWING) == GROWING)


_DUE: Final = _is_due()


def _noted(error: Exception) -> Mapping[str, Any]:
    return {"reason": str(error) if isinstance(error, SecretMissing) else None}
