"""Copies an installation's database into an empty one, whatever PostgreSQL either is.

As text, table by table, in one transaction of each: ids, sequence numbers, passwords and keys are
the same, and nothing is kept unless every count is. Both are read and written above row-level
security, as by a superuser, for no other role sees every tenant's rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection, IsolationLevel, sql

from auditsaas.db import tickets
from auditsaas.errors import DomainError
from auditsaas.operations import revisions
from auditsaas.operations.transfer.tables import Table, partitions, tables

Said = Callable[[str, int], None]
"""Is told each table and how many rows it has."""

_ABOVE = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
_MIGRATED = "SELECT to_regclass('alembic_version') IS NOT NULL"
_REVISION = "SELECT version_num FROM alembic_version"
_KNOWS_KEY = "SELECT EXISTS (SELECT FROM scope_keys WHERE inner_pad = %s)"
_OWNER = "SELECT relowner::regrole::text FROM pg_class WHERE oid = 'events'::regclass"
_LOGS = """
    SELECT workspace_id, count(*), min(seq), max(seq), sum(seq) FROM events
    GROUP BY workspace_id ORDER BY workspace_id
"""


class Unmoved(DomainError):
    """Nothing was moved, for a reason the operator can act on."""


def move(source_url: str, target_url: str, secret_key: str, said: Said) -> None:
    """Copy every row of one database into the other.

    Raises:
        Unmoved: the databases do not fit, or what arrived is not what was sent; nothing is kept.
    """
    with _connected("source", source_url) as source, _connected("target", target_url) as target:
        source.read_only = True
        _refuse_misfits(source, target, secret_key)
        try:
            _move_rows(source, target, said)
        except psycopg.Error as error:
            raise Unmoved(f"PostgreSQL refuses: {_reason(error)}. Nothing was kept.") from error
        target.commit()


def _move_rows(source: Connection[Any], target: Connection[Any], said: Said) -> None:
    found = tables(target)
    _refuse_rows(target, found)
    _make_partitions(source, target)
    for table in found:
        said(table.name, _copy(source, target, table))
    if source.execute(_LOGS).fetchall() != target.execute(_LOGS).fetchall():
        raise Unmoved("The logs that arrived are not those that were sent. Nothing was kept.")


@contextmanager
def _connected(name: str, url: str) -> Iterator[Connection[Any]]:
    """Open one transaction, which is rolled back unless it is committed."""
    try:
        connection = psycopg.connect(url.replace("postgresql+psycopg:", "postgresql:", 1))
    except psycopg.Error as error:
        raise Unmoved(f"The {name} cannot be used: {_reason(error)}.") from error
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        yield connection
    finally:
        connection.close()


def _reason(error: psycopg.Error) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")


def _refuse_misfits(source: Connection[Any], target: Connection[Any], secret_key: str) -> None:
    for name, connection in (("source", source), ("target", target)):
        if not _one(connection, _ABOVE):
            raise Unmoved(
                f"The {name} is to be named as a superuser, or as a role with BYPASSRLS:"
                " other roles do not see every row."
            )
        if not _one(connection, _MIGRATED):
            raise Unmoved(f"The {name} has no tables yet. Run there: auditsaas db upgrade")
        if _one(connection, _REVISION) != revisions.HEAD:
            raise Unmoved(
                f"The {name} is not of this version. Run this version's there: auditsaas db upgrade"
            )
    if not _one(target, _KNOWS_KEY, tickets.inner_pad(secret_key)):
        raise Unmoved(
            "The target does not know the source's SECRET_KEY, which opens its second factors."
            " Run there, with that key: auditsaas db upgrade"
        )


def _refuse_rows(target: Connection[Any], found: list[Table]) -> None:
    for table in found:
        rows = _one(target, table.count)
        if rows:
            raise Unmoved(f"The target is not empty: {table.name} has {rows:,} rows.")


def _make_partitions(source: Connection[Any], target: Connection[Any]) -> None:
    """Make the months of the log that the target lacks, as the owner of its tables."""
    known = partitions(target)
    target.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(_one(target, _OWNER))))
    for name, bounds in partitions(source).items():
        if name not in known:
            made = sql.SQL("CREATE TABLE {} PARTITION OF events {}")
            target.execute(made.format(sql.Identifier(name), sql.SQL(bounds)))
    target.execute("RESET ROLE")


def _copy(source: Connection[Any], target: Connection[Any], table: Table) -> int:
    with source.cursor().copy(table.reading) as rows, target.cursor().copy(table.writing) as into:
        for chunk in rows:
            into.write(chunk)
    sent, arrived = (int(_one(each, table.count)) for each in (source, target))
    if sent != arrived:
        raise Unmoved(
            f"Of {table.name}, {sent:,} rows were sent and {arrived:,} arrived. Nothing was kept."
        )
    return sent


def _one(connection: Connection[Any], query: Any, *values: Any) -> Any:
    row = connection.execute(query, values or None).fetchone()
    return row[0] if row else None
