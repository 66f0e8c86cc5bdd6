"""Lists what a database of the product holds, as its catalogue says."""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from psycopg import Connection, sql

OWN = ("alembic_version", "scope_keys")
"""Tables that `auditsaas db upgrade` fills, in every database by itself."""

_COLUMNS = """
    SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum)
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    AND NOT c.relispartition AND c.relname <> ALL (%s)
    AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    GROUP BY c.relname
"""
_REFERENCES = """
    SELECT DISTINCT child.relname, parent.relname FROM pg_constraint AS k
    JOIN pg_class AS child ON child.oid = k.conrelid
    JOIN pg_class AS parent ON parent.oid = k.confrelid
    WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace
    AND child.oid <> parent.oid AND NOT child.relispartition
"""
_PARTITIONS = """
    SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits AS i
    JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = 'events'::regclass
"""


@dataclass(frozen=True)
class Table:
    name: str
    columns: tuple[str, ...]

    @property
    def count(self) -> sql.Composed:
        return sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(self.name))

    @property
    def reading(self) -> sql.Composed:
        return sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(*self._named())

    @property
    def writing(self) -> sql.Composed:
        columns, name = self._named()
        return sql.SQL("COPY {} ({}) FROM STDIN").format(name, columns)

    def _named(self) -> tuple[sql.Composed, sql.Identifier]:
        columns = sql.SQL(", ").join(map(sql.Identifier, self.columns))
        return columns, sql.Identifier(self.name)


def tables(connection: Connection[Any]) -> list[Table]:
    """List the tables, each after those that it refers to."""
    columns = dict(connection.execute(_COLUMNS, [list(OWN)]).fetchall())
    order: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(sorted(columns), ()))
    for child, parent in connection.execute(_REFERENCES).fetchall():
        order.add(child, parent)
    return [Table(name, tuple(columns[name])) for name in order.static_order()]


def partitions(connection: Connection[Any]) -> dict[str, str]:
    """List the partitions of the log with their bounds."""
    return dict(connection.execute(_PARTITIONS).fetchall())
