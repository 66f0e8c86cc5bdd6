"""Sends jobs by turns: of each queue a workspace has only so many messages on the way.

The rest of its jobs wait in their table, and the next one is sent when one of them has ended. So a
queue, which is first in, first out, goes round between workspaces: a thousand jobs of one are a few
messages, behind which another's has its turn. A turn that was missed comes with the next sweep.
"""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from auditsaas.db.platform import JOBS, platform_session
from auditsaas.extensions import settings
from auditsaas.jobs.kind import Kind
from auditsaas.jobs.queue import first_within, send
from config.celery import HINT_LIFETIME

log = logging.getLogger(__name__)


def send_in_turn(kind: Kind[Any], *rows: Any) -> None:
    """Send the messages of new jobs, after their commit, as far as their workspace has turns."""
    ids = [row.id for row in rows]
    try:
        with platform_session(JOBS) as platform:
            most = settings().heavy_jobs
            turns = [
                kind.has_turn(platform, row.id, most, behind=ids[place:])
                for place, row in enumerate(rows, 1)
            ]
    except SQLAlchemyError as error:
        log.warning("%s %s wait for the sweep: %s", kind.title, ids, error)
        return
    for row, has_turn in zip(rows, turns, strict=True):
        if has_turn:
            send(kind.message(row))


def send_next(kind: Kind[Any], ended: UUID) -> None:
    """Send the jobs whose turn has come, now that another of their workspace has ended."""
    try:
        with platform_session(JOBS) as platform:
            waiting = kind.next_to(platform, ended, settings().heavy_jobs)
        for row in waiting:
            hint(kind, row)
    except (SQLAlchemyError, OperationalError, RedisError, OSError) as error:
        log.warning("The next %s wait for the sweep: %s", kind.name, error)


def hint(kind: Kind[Any], row: Any) -> bool:
    """Send a waiting job, once a minute; whether it was sent now."""
    first = first_within(f"hint:{kind.name}:{row.id}:{row.fence}", HINT_LIFETIME)
    return first and send(kind.message(row))
