"""Tells what the database's errors mean: in words for people, as a class for figures and logs."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from sqlalchemy.exc import TimeoutError as PoolTimeout

from auditsaas.db import tickets
from auditsaas.db.deadlines import NoAnswer
from auditsaas.metrics import DATABASE_ERRORS, UNAVAILABLE

DISK_FULL = "53100"
TOO_MANY = "53300"
_NO_PLACE = re.compile("too many (clients|connections)|remaining connection slots")
REFUSED = "42501"
TRY_AGAIN = "Nothing was changed. Try again in a minute."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """One kind of failure: its words on a page, in the API, in ``/readyz``, and for the doctor."""

    title: str
    message: str
    state: str
    remedy: str
    reason: str
    """Its name in the figures of what was answered with 503."""
    api_advice: str = "Send it again."
    retry_after: int = 2

    @property
    def api_detail(self) -> str:
        return f"{self.title}. {self.api_advice}"


AWAY = Failure(
    "The database does not answer",
    TRY_AGAIN,
    "does not answer",
    "Mend its URL, or run: auditsaas db upgrade",
    "database away",
)
HUNG = Failure(
    "The database does not answer",
    "It took the request and did not answer in time. See whether it was done before you try again.",
    "does not answer",
    "See whether its host, its disk or the way there is frozen.",
    "database hung",
)
FULL = Failure(
    "The database's disk is full",
    "Nothing was changed. It can be read, and changed once an operator has made room.",
    "the disk is full",
    "Make room on the database's disk; PostgreSQL goes on by itself.",
    "database full",
    retry_after=30,
)
CROWDED = Failure(
    "The database takes no more connections",
    TRY_AGAIN,
    "takes no more connections",
    "Raise max_connections, run fewer processes, or put a pooler before it.",
    "database crowded",
)
BUSY = Failure(
    "Too many requests wait for the database",
    TRY_AGAIN,
    "is busy",
    "Run more web processes.",
    "pool exhausted",
)
SLOW = Failure(
    "That took too long",
    "It was stopped. Narrow the time range or the filter.",
    "is slow",
    "See what it does in pg_stat_activity.",
    "statement too slow",
    api_advice="It was stopped. Narrow the time range or the filter, or send smaller batches.",
)
UNSIGNED = Failure(
    "The server is set up wrong",
    "Nothing was changed. The database does not take this server's signature;"
    " its operator has to mend that.",
    "does not know SECRET_KEY",
    "With this process's SECRET_KEY: auditsaas db upgrade; then compare the clocks.",
    "key unknown",
    retry_after=30,
)
"""A changed SECRET_KEY that the database was not told, or clocks that are minutes apart."""
_BY_STATE = {DISK_FULL: FULL, TOO_MANY: CROWDED, "57014": SLOW}


def _begin_counting() -> None:
    """Begin every series at 0, so that the first failure of a kind is a rise that an alert sees."""
    for failure in (AWAY, HUNG, FULL, CROWDED, BUSY, SLOW, UNSIGNED):
        UNAVAILABLE.labels(failure.reason)
    for kind in (*_BY_STATE, "hung", "pool", "away", "unsigned"):
        DATABASE_ERRORS.labels(kind)


_begin_counting()


def told(error: BaseException) -> Failure:
    """Return what an error of the database means."""
    cause = getattr(error, "orig", None) or error
    if isinstance(error, PoolTimeout):
        return BUSY
    if isinstance(cause, NoAnswer) and cause.sent:
        return HUNG
    if is_unsigned(error):
        return UNSIGNED
    return _BY_STATE.get(_sqlstate(cause), AWAY)


def is_unsigned(error: BaseException) -> bool:
    """Tell whether the database refused the ticket of a scope; see ``tickets``."""
    cause = getattr(error, "orig", None) or error
    return _sqlstate(cause) == REFUSED and tickets.UNSIGNED in str(cause)


def label(error: BaseException) -> str:
    """Return an error's class: its SQLSTATE, or ``hung``, ``pool``, ``away``, ``unsigned``."""
    cause = getattr(error, "orig", None) or error
    if isinstance(error, PoolTimeout):
        return "pool"
    if is_unsigned(error):
        return "unsigned"
    return "hung" if isinstance(cause, NoAnswer) else _sqlstate(cause) or "away"


def note(error: BaseException, request_id: str) -> Failure:
    """Count and log an error that a request met; return what it means."""
    reason = label(error)
    DATABASE_ERRORS.labels(reason).inc()
    found = told(error)
    log.error(
        "%s: the database failed: %s",
        request_id,
        found.title,
        exc_info=error,
        extra={"reason": reason},
    )
    return found


def _sqlstate(cause: BaseException) -> str:
    state = getattr(cause, "sqlstate", None) or ""
    # libpq tells none of a connection that is refused.
    return TOO_MANY if not state and _NO_PLACE.search(str(cause)) else state
