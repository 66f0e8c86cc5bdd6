"""Finds the logs that grew, and grows their trees in turn."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.platform import JOBS, platform_session
from auditsaas.db.tenancy import Scope
from auditsaas.events.models import log_heads
from auditsaas.evidence.models import tree_heads
from auditsaas.evidence.tree import growing, signing
from auditsaas.evidence.tree.checkpoints import GROWING
from auditsaas.evidence.tree.key_folder import SecretMissing
from auditsaas.evidence.tree.keys import Keyring
from auditsaas.extensions import db

ROUND: Final = timedelta(seconds=2)
"""The time in which each log that is behind gets a turn, as far as a step of each allows."""
AT_ONCE: Final = 500
"""Logs that one round takes on."""
FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST: Final = 300
"""The seconds that a log which fails waits at most."""

log = logging.getLogger(__name__)


def sweep(
    ring: Keyring,
    most: timedelta = growing.TURN,
    look: Callable[[], Sequence[UUID]] | None = None,
) -> int:
    """Grow the trees that are behind their logs, for a while; return how many turns grew one.

    Each log in turn gets a share of a round, those first that waited longest; so one with millions
    of events delays the others by a step of its own. A log that fails is tried again later, and
    does not hold up the others. ``look`` tells which are behind, where it is not all.
    """
    ends, turns = time.monotonic() + most.total_seconds(), 0
    while True:
        waiting = (look or due)()
        grew = 0
        for workspace_id in waiting:
            left = ends - time.monotonic()
            if left <= 0:
                return turns
            share = left if len(waiting) == 1 else ROUND.total_seconds() / len(waiting)
            grew += _grow(workspace_id, ring, timedelta(seconds=share))
        turns += grew
        if not grew:
            return turns


def due(most: int = AT_ONCE) -> Sequence[UUID]:
    """Select the logs that have events beyond their tree, or a tree beyond its checkpoint."""
    head = tree_heads.c
    behind = log_heads.c.seq > func.coalesce(head.size, 0)
    unsigned = and_(head.size > head.sealed_size, head.sealed_at < func.now() - signing.SIGN_EVERY)
    found = (
        select(log_heads.c.workspace_id)
        .outerjoin(tree_heads, head.workspace_id == log_heads.c.workspace_id)
        .where(
            or_(behind, unsigned),
            func.coalesce(head.state, GROWING) == GROWING,
            or_(head.retry_at.is_(None), head.retry_at < func.now()),
        )
        .order_by(head.grown_at.nulls_first(), log_heads.c.workspace_id)
        .limit(most)
    )
    with platform_session(JOBS) as platform:
        return platform.scalars(found).all()


def _grow(workspace_id: UUID, ring: Keyring, turn: timedelta) -> bool:
    """Give a log its turn; tell whether it grew."""
    session = db.session()
    try:
        return growing.grow(workspace_id, ring, turn=turn, session=session) is not None
    except (SecretMissing, SQLAlchemyError, OSError) as error:
        session.rollback()
        log.warning("The tree of %s did not grow", workspace_id, exc_info=True)
        _put_off(session, workspace_id, error)
        return False


def _put_off(session: Session, workspace_id: UUID, error: Exception) -> None:
    """Try a log that failed again later, each time after a longer while, and keep why."""
    tenancy.bind(Scope.of(workspace_id), session)
    with suppress(SQLAlchemyError):
        _wait(session, workspace_id, str(error) if isinstance(error, SecretMissing) else None)
        session.commit()


def _wait(session: Session, workspace_id: UUID, reason: str | None) -> None:
    head = tree_heads.c
    seconds = func.least(FIRST_WAIT.total_seconds() * func.power(2, head.attempts), LONGEST)
    waits = update(tree_heads).where(head.workspace_id == workspace_id)
    session.execute(
        waits.values(
            attempts=func.least(head.attempts + 1, 20),
            retry_at=func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds),
            reason=reason,
        )
    )
