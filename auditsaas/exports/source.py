"""Input and output of every writer: a stream of rows, and a stream of bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql
from sqlalchemy import ColumnElement, Connection, Row, Select

from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.exports.columns import COLUMNS
from auditsaas.formatting.viewer import Viewer

CHUNK_BYTES = 1 << 20
PARTING = b"\x02"


class Output(Protocol):
    """The output of a writer: a stream that only takes bytes."""

    def write(self, chunk: bytes, /) -> object: ...


Progress = Callable[[int], None]
"""Called with the rows written so far; raises when the build is to stop."""


@dataclass(frozen=True, kw_only=True)
class About:
    """The header of a report."""

    export_id: UUID | None
    filter: str
    """The filter in words."""
    period: str
    requester: str
    asked_at: datetime
    viewer: Viewer
    """The requester's format of dates."""
    names: Mapping[UUID, str]
    """The workspaces by name."""
    brand: str
    seal: Sealed | None = None
    """The newest seal of the log that a scheduled report is of, which its keepers then hold."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Matching events, newest first, in one transaction whose tenancy scope is bound."""

    connection: Connection
    select: Callable[[Sequence[ColumnElement[Any]]], Select[Any]]
    """The statement that reads these columns, without a limit."""
    slugs: Mapping[UUID, str]
    """The workspaces that the rows come from."""
    zone: ZoneInfo
    """The requester's zone, which the transaction's timestamps are written in."""

    columns: tuple[str, ...] = COLUMNS
    """The columns of the file, where its format has any."""
    row_limit: int | None = None
    about: About | None = None

    def copied(
        self, columns: Sequence[ColumnElement[Any]], zone: str | None = None
    ) -> Iterator[list[bytes]]:
        """Copy the rows as lines of PostgreSQL's CSV without line ends, about 1 MiB at a time.

        Times are in the requester's zone unless another is named. libpq hands over one row a call,
        so a line break inside a value never splits a row.
        """
        return self._copied(columns, "FORMAT csv", zone or self.zone.key)

    def parted(self, columns: Sequence[ColumnElement[Any]]) -> Iterator[list[bytes]]:
        """Copy the rows as they are, ``PARTING`` between columns, and nothing for NULL.

        No text may hold a control character. Times are in UTC.
        """
        return self._copied(columns, "FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02'", "UTC")

    def rows(
        self, columns: Sequence[ColumnElement[Any]], size: int
    ) -> Iterator[Sequence[Row[Any]]]:
        """Read the rows as Python values, ``size`` at a time, through a server-side cursor."""
        found = self.connection.execute(
            self.select(columns), execution_options={"stream_results": True, "yield_per": size}
        )
        yield from found.partitions()

    def _copied(
        self, columns: Sequence[ColumnElement[Any]], options: str, zone: str
    ) -> Iterator[list[bytes]]:
        driver = _driver(self.connection)
        statement, parameters = _rendered(self.connection, self.select(columns))
        copy_to = sql.SQL("COPY ({}) TO STDOUT ({}, ENCODING 'UTF8')")
        with driver.cursor() as cursor:
            cursor.execute(sql.SQL("SET LOCAL TimeZone = {}").format(zone))
            query = copy_to.format(sql.SQL(statement), sql.SQL(options))
            with cursor.copy(query, parameters) as copy:
                yield from _chunks(copy)

    def cancel(self) -> None:
        """Stop the statement that is running; may be called from another thread."""
        _driver(self.connection).cancel_safe(timeout=5)


def _chunks(copy: psycopg.Copy) -> Iterator[list[bytes]]:
    rows: list[bytes] = []
    size = 0
    while row := copy.read():
        rows.append(bytes(row[:-1]))
        size += len(row)
        if size >= CHUNK_BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _rendered(connection: Connection, statement: Select[Any]) -> tuple[str, dict[str, object]]:
    """Render SQL and parameters for psycopg: COPY takes none, so psycopg quotes them into it."""
    expanded = statement.compile(dialect=connection.dialect).construct_expanded_state()
    parameters = {
        name: expanded.processors[name](value) if name in expanded.processors else value
        for name, value in expanded.parameters.items()
    }
    return expanded.statement, parameters


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("exports read through psycopg")
    return driver
