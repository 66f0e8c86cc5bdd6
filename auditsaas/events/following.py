"""Keeps what follows logs behind their appends: trees, words, counts.

A *follower* has a head beside each log's, in a table of its own: how far it is, when it grew last,
and until when it waits after it failed. From time to time a task asks which logs are ahead, and
gives each a turn. So an append writes nothing for a follower, and waits for none.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Table, func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.platform import JOBS, platform_session
from auditsaas.db.tenancy import Scope
from auditsaas.events.models import log_heads

ROUND: Final = timedelta(seconds=2)
"""The time in which each log that is due gets a turn, as far as a step of each allows."""
AT_ONCE: Final = 500
"""Logs that one round takes on."""
FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST: Final = 300
"""The seconds that a log which fails waits at most."""

Grow = Callable[[Session, UUID, timedelta], bool]
Look = Callable[[], Sequence[UUID]]

log = logging.getLogger(__name__)


def _nothing(_error: Exception) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Follower:
    """One thing that is kept of each log behind it.

    ``head`` is a table of a row a workspace with the columns ``workspace_id``, ``grown_at``,
    ``attempts`` and ``retry_at``, of which workers are handed all rows. ``due`` tells of a row of
    ``log_heads``, with that of ``head`` or none beside it, that a turn is due. ``grow`` gives a
    log one: it commits, stays within the time by steps of its own, and tells whether it grew.
    """

    name: str
    head: Table
    due: ColumnElement[bool]
    grow: Grow
    fails_by: tuple[type[Exception], ...] = (SQLAlchemyError, OSError)
    noted: Callable[[Exception], Mapping[str, Any]] = _nothing
    """Columns of the head that say why a turn failed."""


def sweep(session: Session, follower: Follower, most: timedelta, look: Look | None = None) -> int:
    """Give the logs that are due their turns, for a while; return how many turns grew one.

    Each log in turn gets a share of a round, those first that waited longest; so one with millions
    of events delays the others by a step of its own. A log that fails is tried again later, and
    does not hold up the others. ``look`` tells which are due, where it is not all.
    """
    ends, turns = time.monotonic() + most.total_seconds(), 0
    while True:
        waiting = look() if look else due(follower)
        grew = 0
        for workspace_id in waiting:
            left = ends - time.monotonic()
            if left <= 0:
                return turns + grew
            share = left if len(waiting) == 1 else ROUND.total_seconds() / len(waiting)
            grew += _turn(session, follower, workspace_id, timedelta(seconds=share))
        turns += grew
        if not grew:
            return turns


def due(follower: Follower, most: int = AT_ONCE) -> Sequence[UUID]:
    """Select the logs whose turn is due, those first that waited longest."""
    head = follower.head.c
    found = (
        select(log_heads.c.workspace_id)
        .outerjoin(follower.head, head.workspace_id == log_heads.c.workspace_id)
        .where(follower.due, or_(head.retry_at.is_(None), head.retry_at < func.now()))
        .order_by(head.grown_at.nulls_first(), log_heads.c.workspace_id)
        .limit(most)
    )
    with platform_session(JOBS) as platform:
        return platform.scalars(found).all()


def numbers_given() -> int:
    """Add up the numbers that all logs have given to events."""
    with platform_session(JOBS) as platform:
        return int(platform.scalar(select(func.sum(log_heads.c.seq))) or 0)


def _turn(session: Session, follower: Follower, workspace_id: UUID, turn: timedelta) -> bool:
    """Give a log its turn; tell whether it grew."""
    try:
        return follower.grow(session, workspace_id, turn)
    except follower.fails_by as error:
        session.rollback()
        log.warning("The %s of %s did not grow", follower.name, workspace_id, exc_info=True)
        tenancy.bind(Scope.of(workspace_id), session)
        with suppress(SQLAlchemyError):
            _put_off(session, follower, workspace_id, error)
            session.commit()
        return False


def _put_off(session: Session, follower: Follower, workspace_id: UUID, error: Exception) -> None:
    """Try a log that failed again later, each time after a longer while, and keep why."""
    head = follower.head.c
    seconds = func.least(FIRST_WAIT.total_seconds() * func.power(2, head.attempts), LONGEST)
    session.execute(
        update(follower.head)
        .where(head.workspace_id == workspace_id)
        .values(
            attempts=func.least(head.attempts + 1, 20),
            retry_at=func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds),
            **follower.noted(error),
        )
    )
