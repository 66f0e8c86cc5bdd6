"""The database's own figures: version, size, connections, and whether its disk takes writes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from auditsaas.db import failures
from auditsaas.operations import readiness

_FACTS = text(
    "SELECT current_setting('server_version') AS version,"
    " pg_database_size(current_database()) AS size,"
    " (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS connections,"
    " current_setting('max_connections')::int AS most_connections"
)


@dataclass(frozen=True, kw_only=True)
class DatabaseServer:
    """PostgreSQL as it was found; ``size`` in bytes."""

    version: str
    size: int
    connections: int
    most_connections: int


def read(session: Session) -> DatabaseServer:
    """Read them; any role may."""
    return DatabaseServer(**session.execute(_FACTS).one()._mapping)


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
