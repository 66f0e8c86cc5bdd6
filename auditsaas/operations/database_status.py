"""Tells how a database stands: schema, partitions, sizes, and who is connected.

Read as the role that serves people, which sees of others that they are connected, and as whom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from auditsaas.events.maintenance import partitions
from auditsaas.operations import revisions
from auditsaas.operations.revisions import Standing

LARGEST: Final = 10

_SERVER = text(
    "SELECT current_database() AS name, current_setting('server_version') AS version,"
    " pg_database_size(current_database()) AS bytes,"
    " current_setting('max_connections')::int AS most"
)
_SIZES = text(
    """
    SELECT coalesce(p.relname, c.relname) AS name, sum(pg_total_relation_size(c.oid))::bigint AS n
    FROM pg_class AS c LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid
    LEFT JOIN pg_class AS p ON p.oid = i.inhparent
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
    GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT :largest
    """
)
_CONNECTIONS = text(
    "SELECT coalesce(usename::text, backend_type) AS name, count(*) AS n FROM pg_stat_activity"
    " WHERE datname = current_database() GROUP BY 1 ORDER BY 1"
)


@dataclass(frozen=True, kw_only=True)
class DatabaseStatus:
    """The state of a database, beside what this version needs."""

    database: str
    server: str
    bytes: int
    revision: str | None
    head: str
    pending: Sequence[str]
    """Migrations that are missing, in order; none of a database that is newer."""
    newer: bool
    partitions: int
    first_partition: str | None
    last_partition: str | None
    months_ahead: int
    """Months that have a partition, this one first, up to the first gap."""
    largest_tables: dict[str, int]
    """Bytes with indexes; the log's is the sum of its partitions."""
    connections: dict[str, int]
    """By role, of this database."""
    max_connections: int


def read(session: Session, now: datetime | None = None) -> DatabaseStatus:
    """Read all of it; of a database without tables, what is there."""
    revision = revisions.of(session.connection())
    standing = revisions.standing(revision)
    server = session.execute(_SERVER).one()
    months = _months(session) if revision is not None else []
    ahead = partitions.months_ahead(session, now or datetime.now(UTC)) if months else 0
    return DatabaseStatus(
        database=server.name,
        server=server.version,
        bytes=server.bytes,
        revision=revision,
        head=revisions.HEAD,
        pending=_pending(revision) if standing is Standing.OLDER else (),
        newer=standing is Standing.NEWER,
        partitions=len(months),
        first_partition=months[0] if months else None,
        last_partition=months[-1] if months else None,
        months_ahead=ahead,
        largest_tables=_numbers(session, _SIZES, largest=LARGEST),
        connections=_numbers(session, _CONNECTIONS),
        max_connections=server.most,
    )


def _pending(revision: str | None) -> Sequence[str]:
    begun = revisions.KNOWN.index(revision) + 1 if revision is not None else 0
    return revisions.KNOWN[begun:]


def _months(session: Session) -> list[str]:
    """List the monthly partitions by name, without the default one."""
    names = session.scalars(partitions.PARTITIONS)
    return sorted(name for name in names if name != "events_default")


def _numbers(session: Session, statement: Any, **values: Any) -> dict[str, int]:
    return {row.name: row.n for row in session.execute(statement, values)}
