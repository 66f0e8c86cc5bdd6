"""The database's own figures: version, size, connections, clock, and whether it takes writes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from auditsaas.db import failures
from auditsaas.operations import readiness

CLOCK_SKEW = timedelta(seconds=2)
"""By what the clocks of two machines may differ."""

_FACTS = text(
    "SELECT extract(epoch FROM clock_timestamp())::float8 AS clock,"
    " current_setting('server_version') AS version,"
    " pg_database_size(current_database()) AS size,"
    " (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS connections,"
    " current_setting('max_connections')::int AS most_connections"
)

this_clock = time.time
"""This machine's clock, in seconds since 1970."""


@dataclass(frozen=True)
class DatabaseServer:
    """PostgreSQL as it was found; ``size`` in bytes."""

    ahead: float
    """By how many seconds this machine's clock is at least ahead of it; below 0 behind."""

    version: str
    size: int
    connections: int
    most_connections: int


def read(session: Session) -> DatabaseServer:
    """Read them; any role may."""
    session.connection()  # before the clock is read, for it may have to be made
    before = this_clock()
    clock, *facts = session.execute(_FACTS).one()
    after = this_clock()
    return DatabaseServer(min(after - clock, max(before - clock, 0.0)), *facts)


def takes_writes(session: Session) -> bool:
    """Tell whether the database's disk has room; the session's transaction ends by it.

    Raises:
        SQLAlchemyError: it fails for another reason than a full disk.
    """
    try:
        readiness.write(session.connection())
    except DBAPIError as error:
        if failures.label(error) != failures.DISK_FULL:
            raise
        return False
    finally:
        session.rollback()
    return True
