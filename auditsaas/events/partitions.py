"""Monthly partitions of the log, made ahead of time by their owner."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, text

from auditsaas.ids import first_id_at

MONTHS_BACK = 12
MONTHS_AHEAD = 3


def ensure(connection: Connection, now: datetime) -> list[str]:
    """Make the partitions from a year back to three months ahead; returns the names of new ones.

    A month whose rows already lie in the default partition is left there: PostgreSQL would have
    to move them under an exclusive lock.
    """
    existing = set(
        connection.scalars(
            text(
                "SELECT inhrelid::regclass::text FROM pg_inherits"
                " WHERE inhparent = 'events'::regclass"
            )
        )
    )
    made = []
    for offset in range(-MONTHS_BACK, MONTHS_AHEAD + 1):
        month = add_months(now, offset)
        name = f"events_{month:%Y_%m}"
        if name not in existing and not _default_holds(connection, month):
            _create(connection, name, month)
            made.append(name)
    return made


def add_months(moment: datetime, months: int) -> datetime:
    """The first instant (UTC) of the month that lies ``months`` after the moment's own."""
    index = moment.year * 12 + moment.month - 1 + months
    return datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)


def _default_holds(connection: Connection, month: datetime) -> bool:
    return bool(
        connection.scalar(
            text("SELECT EXISTS (SELECT FROM events_default WHERE id >= :first AND id < :after)"),
            {"first": first_id_at(month), "after": first_id_at(add_months(month, 1))},
        )
    )


def _create(connection: Connection, name: str, month: datetime) -> None:
    first, after = first_id_at(month), first_id_at(add_months(month, 1))
    connection.exec_driver_sql("SET LOCAL lock_timeout = '3s'")
    connection.exec_driver_sql(
        f"CREATE TABLE {name} PARTITION OF events FOR VALUES FROM ('{first}') TO ('{after}')"
    )
