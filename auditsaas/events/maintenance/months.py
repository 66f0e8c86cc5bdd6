"""Finds months of the log that are out of their place, and writes the SQL that puts them back.

A month can be detached from the log, renamed or moved to another schema: its events are there and
no reader sees them. And rows of a month that had no partition in time lie in the default one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from auditsaas.db.ids import first_id_at, time_of
from auditsaas.events.maintenance.partitions import (
    MONTHS_AHEAD,
    MONTHS_BACK,
    PARTITIONS,
    add_months,
)

DEFAULT: Final = "events_default"
MONTH: Final = re.compile(r"events_(\d{4})_(\d\d)")
KEPT: Final = "_kept"
"""How a copy ends that retention is making of a month that is still there."""

# By its shape, for the name may be another: the columns and the primary key of the log.
_HIDDEN = text(
    """
    WITH shape AS (
        SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relispartition AS part,
            array_agg(a.attname || ' ' || a.atttypid::regtype::text ORDER BY a.attname) AS columns
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^(pg_|information_schema)'
        GROUP BY 1, 2, 3, 4
    )
    SELECT quote_ident(s.schema) AS schema, quote_ident(s.name) AS name,
        EXISTS (SELECT FROM pg_inherits AS i
            WHERE i.inhrelid = s.oid AND i.inhdetachpending) AS pending
    FROM shape AS s JOIN shape AS log ON log.oid = 'public.events'::regclass
    AND s.columns = log.columns AND s.oid <> log.oid
    WHERE EXISTS (SELECT FROM pg_index AS k WHERE k.indrelid = s.oid AND k.indisprimary)
    AND (NOT s.part OR EXISTS (
        SELECT FROM pg_inherits AS i WHERE i.inhrelid = s.oid AND i.inhdetachpending))
    ORDER BY 1, 2
    """
)


@dataclass(frozen=True)
class Hidden:
    """A table of events that is no part of the log."""

    schema: str
    name: str
    pending: bool
    """Its detaching was begun and never finished."""

    @property
    def qualified(self) -> str:
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"


def hidden(connection: Connection) -> list[Hidden]:
    """List the tables of events that no reader of the log sees."""
    parts = {*connection.scalars(PARTITIONS)}
    found = [Hidden(*row) for row in connection.execute(_HIDDEN)]
    return [each for each in found if each.name.removesuffix(KEPT) not in parts or each.pending]


def cure(connection: Connection, table: Hidden) -> str | None:
    """Write what puts the table back, read as the owner; None where it is no month of the log.

    Where the owner may not read it, its name tells the month.
    """
    if table.name == DEFAULT:
        return _attached(table, DEFAULT, "DEFAULT")
    month = _month_of(connection, table)
    if month is None:
        return None
    name = f"events_{month:%Y_%m}"
    if name in {*connection.scalars(PARTITIONS)} and not table.pending:
        # An upgrade has made an empty one meanwhile, which may have events by now.
        there = table.qualified
        moved = f"INSERT INTO {name} SELECT * FROM {there} ON CONFLICT DO NOTHING;"  # noqa: S608  # names of the catalogue
        return f"BEGIN; {moved} DROP TABLE {table.qualified}; COMMIT;"
    return _attached(table, name, _bounds(month), from_default=_between(month))


def strays(connection: Connection, now: datetime) -> Iterator[tuple[str, str]]:
    """Find months whose rows lie in the default partition, as the owner; each with its cure."""
    names = {*connection.scalars(PARTITIONS)}
    for offset in range(-MONTHS_BACK, MONTHS_AHEAD + 1):
        month = add_months(now, offset)
        name = f"events_{month:%Y_%m}"
        held = text(f"SELECT EXISTS (SELECT FROM {DEFAULT} WHERE {_between(month)})")  # noqa: S608  # uuids
        if name not in names and connection.scalar(held):
            made = f"CREATE TABLE {name} (LIKE events INCLUDING ALL);"
            attached = _attached(Hidden("public", name, False), name, _bounds(month), made=made)
            filled = _moved(name, _between(month))
            yield name, attached.replace(made, f"{made} {filled}")


def _attached(
    table: Hidden, name: str, bounds: str, *, from_default: str = "", made: str = ""
) -> str:
    steps = [made] if made else []
    if table.pending:
        steps.append(f"ALTER TABLE events DETACH PARTITION {table.qualified} FINALIZE;")
    if table.schema != "public":
        steps.append(f"ALTER TABLE {table.qualified} SET SCHEMA public;")
    if table.name != name:
        steps.append(f"ALTER TABLE {table.name} RENAME TO {name};")
    if from_default:
        steps.append(_moved(name, from_default))
    steps.append(f"ALTER TABLE events ATTACH PARTITION {name} {bounds};")
    return " ".join(steps) if len(steps) == 1 else f"BEGIN; {' '.join(steps)} COMMIT;"


def _moved(name: str, condition: str) -> str:
    taken = f"WITH moved AS (DELETE FROM {DEFAULT} WHERE {condition} RETURNING *)"  # noqa: S608  # uuids
    return f"{taken} INSERT INTO {name} SELECT * FROM moved;"  # noqa: S608  # a name of the catalogue


def _bounds(month: datetime) -> str:
    first, after = first_id_at(month), first_id_at(add_months(month, 1))
    return f"FOR VALUES FROM ('{first}') TO ('{after}')"


def _between(month: datetime) -> str:
    return f"id >= '{first_id_at(month)}' AND id < '{first_id_at(add_months(month, 1))}'"


def _month_of(connection: Connection, table: Hidden) -> datetime | None:
    """Tell the month of a table by its rows, or by its name where none can be read."""
    ends = _ends(connection, table)
    if ends is None:
        named = MONTH.fullmatch(table.name)
        return add_months(datetime(int(named[1]), int(named[2]), 1), 0) if named else None  # noqa: DTZ001  # made UTC by it
    first, last = (add_months(time_of(each), 0) for each in ends)
    return first if first == last else None


def _ends(connection: Connection, table: Hidden) -> tuple[UUID, UUID] | None:
    first = text(f"SELECT id FROM {table.qualified} ORDER BY id LIMIT 1")  # noqa: S608  # a name of the catalogue
    last = text(f"SELECT id FROM {table.qualified} ORDER BY id DESC LIMIT 1")  # noqa: S608  # as above
    try:
        with connection.begin_nested():
            ends = connection.scalar(first), connection.scalar(last)
    except ProgrammingError:  # a schema that is closed to the owner
        return None
    return ends if all(ends) else None
