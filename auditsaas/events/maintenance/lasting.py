"""Keeps the product's own events of lasting kinds when retention removes the others around them.

They say who changed settings, people and keys, and who looked in from outside, so that the trace of
a deed does not disappear together with what it removed. An event counts as the product's own by its
source; of those from before sources were recorded, by its name.

Where a month goes as a whole, the few that stay are copied into a new partition before readers and
writers are held up, which then takes the place of the old.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from auditsaas.db.ids import first_id_at

STAYS = (
    "activity = ANY (:lasting) AND coalesce(source, 'product') = 'product' AND id >= :lasting_from"
)
"""A condition on events; ``Lasting.values`` has its parameters."""

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
MOST_COPIED = 20_000
"""Of a month with more of them than this, the others are removed row by row."""


@dataclass(frozen=True)
class Lasting:
    """The activities whose events the product keeps for so many days at least."""

    activities: frozenset[str] = frozenset()
    days: int = 0

    def values(self, now: datetime) -> dict[str, Any]:
        """Return the parameters of ``STAYS``."""
        return {
            "lasting": sorted(self.activities),
            "lasting_from": first_id_at(days_before(now, self.days)),
        }


def count(
    session: Session, workspace_id: UUID, keep: Lasting, now: datetime, *, before: datetime
) -> int:
    """Count the events that stay of those from before an instant."""
    found = text(
        f"SELECT count(*) FROM events WHERE workspace_id = :workspace AND id < :before AND {STAYS}"  # noqa: S608  # joins two constants
    )
    values = {"workspace": workspace_id, "before": first_id_at(before), **keep.values(now)}
    return int(session.scalars(found, values).one())


def days_before(now: datetime, days: int) -> datetime:
    """Return the instant so many days before, but within the time that ids can hold."""
    return max(now - timedelta(days=days), EARLIEST)


def copy(connection: Connection, name: str, values: Mapping[str, Any]) -> dict[UUID, int] | None:
    """Make ``{name}_kept`` with the events of a month that stay; return their number by workspace.

    Empty where none stays. None, and nothing was made, where there are too many of them, or
    nothing else: such a month is left as it is.
    """
    found = _count(connection, name, values)
    if sum(found.values()) > MOST_COPIED or not _holds_more(connection, name, sum(found.values())):
        return None
    if found:
        connection.exec_driver_sql(f"CREATE TABLE {name}_kept (LIKE events INCLUDING ALL)")
        connection.execute(
            text(
                f"INSERT INTO {name}_kept SELECT e.* FROM workspaces AS w"  # noqa: S608  # a name of the catalogue
                f" CROSS JOIN LATERAL (SELECT * FROM {name} WHERE workspace_id = w.id AND {STAYS})"
                " AS e"
            ),
            dict(values),
        )
    return found


def still(
    connection: Connection, name: str, values: Mapping[str, Any], copied: Mapping[UUID, int]
) -> bool:
    """Check that none came since they were copied; the heads of their logs are locked."""
    return _count(connection, name, values) == dict(copied)


def take_place(connection: Connection, name: str, first: UUID, after: UUID) -> None:
    """Put the copy in the place of the month, which was dropped, and count what is in it."""
    connection.exec_driver_sql(f"ALTER TABLE {name}_kept RENAME TO {name}")
    connection.exec_driver_sql(
        f"ALTER TABLE events ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{after}')"
    )
    for unit, table in (("hour", "event_counts"), ("day", "event_days")):
        connection.execute(
            text(
                f"INSERT INTO {table} (workspace_id, {unit}, activity, method, status, n)"  # noqa: S608  # constants, and a name of the catalogue
                f" SELECT workspace_id, date_trunc('{unit}', occurred_at, 'UTC'), activity,"
                f" coalesce(method, ''), status, count(*) FROM {name} GROUP BY 1, 2, 3, 4, 5"
            )
        )


def _count(connection: Connection, name: str, values: Mapping[str, Any]) -> dict[UUID, int]:
    # By workspace, so that each is an answer of the index by activity. The policies are on the
    # whole table: its owner reads a single partition freely.
    found = connection.execute(
        text(
            f"SELECT w.id, e.n FROM workspaces AS w CROSS JOIN LATERAL ("  # noqa: S608  # a name of the catalogue
            f"SELECT count(*) AS n FROM {name} WHERE workspace_id = w.id AND {STAYS}) AS e"
            " WHERE e.n > 0"
        ),
        dict(values),
    )
    return {row.id: row.n for row in found}


def _holds_more(connection: Connection, name: str, rows: int) -> bool:
    found = text(f"SELECT count(*) FROM (SELECT FROM {name} LIMIT :limit) AS e")  # noqa: S608  # a name of the catalogue
    return bool(connection.scalars(found, {"limit": rows + 1}).one() > rows)
