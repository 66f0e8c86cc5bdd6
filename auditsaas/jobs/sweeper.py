"""Sends every waiting job again, whose message or worker was lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Any

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from auditsaas.db.platform import JOBS, platform_session
from auditsaas.extensions import settings
from auditsaas.jobs.kind import Kind
from auditsaas.jobs.queue import note_sweep
from auditsaas.jobs.turns import hint

log = logging.getLogger(__name__)


def sweep(kinds: Iterable[Kind[Any]]) -> int:
    """Send the waiting jobs of all kinds whose turn it is, once a minute; how many were sent.

    A kind whose table cannot be read does not hold up the others.
    """
    sent = 0
    for kind in kinds:
        try:
            sent += _sweep(kind)
        except (OperationalError, RedisError, OSError) as error:
            log.warning("Sweeping stopped, for Redis does not answer: %s", error)
            break
        except SQLAlchemyError:
            log.exception("Waiting %s could not be read", kind.name)
    return sent


def _sweep(kind: Kind[Any]) -> int:
    with platform_session(JOBS) as platform:
        waiting = kind.waiting(platform, settings().heavy_jobs)
    sent = sum(hint(kind, row) for row in waiting)
    if sent:
        log.info("Sent %d waiting %s", sent, kind.name)
    note_sweep(kind.name, time.time())
    return sent
