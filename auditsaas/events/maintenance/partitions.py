"""Monthly partitions of the log, made ahead of time by their owner."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from auditsaas.db.ids import first_id_at

PARTITIONS = text(
    "SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"
    " WHERE i.inhparent = 'events'::regclass"
)
_NAMED_ALIKE = text(
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    " AND relname ~ '^events_[0-9]{4}_[0-9]{2}$'"
)
MONTHS_BACK = 12
MONTHS_AHEAD = 3

LOCK_WAIT_MS = 50
LOCK_PAUSE_SECONDS = 0.25
LOCK_TRIES = 400
"""For almost two minutes; a task that finds no such moment is there again in half a day."""


def ensure(connection: Connection, now: datetime) -> list[str]:
    """Make the partitions from a year back to three months ahead; returns the names of new ones.

    Each is committed by itself, so that none holds the log's lock while the next one waits for it.
    A month whose rows already lie in the default partition is left there: PostgreSQL would have
    to move them under an exclusive lock.
    """
    # A month that was detached keeps its name, and is not the same as an empty new one.
    existing = {*connection.scalars(PARTITIONS), *connection.scalars(_NAMED_ALIKE)}
    made = []
    for offset in range(-MONTHS_BACK, MONTHS_AHEAD + 1):
        month = add_months(now, offset)
        name = f"events_{month:%Y_%m}"
        if name not in existing and not _default_holds(connection, month):
            run_with_short_lock(connection, creation(name, month))
            made.append(name)
    return made


def add_months(moment: datetime, months: int) -> datetime:
    """Return the first instant (UTC) of the month that lies ``months`` after the moment's own."""
    index = moment.year * 12 + moment.month - 1 + months
    return datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)


def months_ahead(session: Session, now: datetime) -> int:
    """Count the months that have a partition, the one of ``now`` first, up to the first gap."""
    names = set(session.scalars(PARTITIONS))
    months = 0
    while f"events_{add_months(now, months):%Y_%m}" in names:
        months += 1
    return months


def _default_holds(connection: Connection, month: datetime) -> bool:
    return bool(
        connection.scalar(
            text("SELECT EXISTS (SELECT FROM events_default WHERE id >= :first AND id < :after)"),
            {"first": first_id_at(month), "after": first_id_at(add_months(month, 1))},
        )
    )


def run_with_short_lock(connection: Connection, statement: str) -> None:
    """Run DDL on the log with a short lock timeout, retrying, and commit.

    A statement that waits for the whole log holds up all that come after it. So the wait is kept
    shorter than people notice, and tried again instead.

    Raises:
        OperationalError: there was no such moment within two minutes.
    """
    for left in reversed(range(LOCK_TRIES)):
        connection.commit()
        try:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}")
            connection.exec_driver_sql(statement)
            connection.commit()
        except OperationalError:
            connection.rollback()
            if not left:
                raise
            time.sleep(LOCK_PAUSE_SECONDS)
        else:
            return


def creation(name: str, month: datetime) -> str:
    """Write the statement that makes the partition of the month that begins then."""
    first, after = first_id_at(month), first_id_at(add_months(month, 1))
    return f"CREATE TABLE {name} PARTITION OF events FOR VALUES FROM ('{first}') TO ('{after}')"
