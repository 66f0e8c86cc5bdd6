"""Sends statements that need no answer of their own together with the one after them.

A transaction's BEGIN and the settings that bind it, and what is noted before its COMMIT, are not
worth a way to the server and back each. They are queued on the connection, and leave with the next
statement, in order, as libpq's pipeline mode has it. Where one of them fails, what came after it is
not run, and the error is raised where the statement was that carried it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

import psycopg
from psycopg.abc import Params, PQGen, QueryNoTemplate
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection

Result = TypeVar("Result")


class PipeliningCursor(psycopg.Cursor[Any]):
    """A cursor whose statement takes along what is queued, or is queued itself."""

    _conn: PipeliningConnection

    def execute(  # type: ignore[override]  # without templates, of which there are none
        self,
        query: QueryNoTemplate,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool | None = None,
    ) -> Self:
        if self._conn.queues:
            self._conn.queue(query, params)
            return self
        if not self._conn.has_company or _may_be_several(query, params):
            return super().execute(query, params, prepare=prepare, binary=binary)
        with self._conn.pipeline():
            self._conn.send_queued()
            super().execute(query, params, prepare=prepare, binary=binary)
        return self


class PipeliningConnection(psycopg.Connection[Any]):
    """A connection that keeps statements until another carries them along."""

    queues = False
    """Whether statements are queued that are executed now."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.cursor_factory = PipeliningCursor
        self._queued: deque[tuple[QueryNoTemplate, Params | None]] = deque()

    def queue(self, query: QueryNoTemplate, params: Params | None = None) -> None:
        """Queue one statement whose result is not read."""
        self._queued.append((query, params))

    def queue_setting(self, query: str, params: Params | None = None) -> None:
        """Queue a statement that sets something, in the place of the same one just before."""
        if self._queued and self._queued[-1][0] == query:
            self._queued.pop()
        self.queue(query, params)

    @property
    def has_company(self) -> bool:
        """Whether the next statement is not sent alone: its BEGIN is company too."""
        if self._pipeline is not None:
            return False
        return bool(self._queued) or self._has_to_begin

    @property
    def _has_to_begin(self) -> bool:
        return not self.autocommit and self.pgconn.transaction_status == TransactionStatus.IDLE

    def send_queued(self) -> None:
        while self._queued:
            psycopg.Cursor(self).execute(*self._queued.popleft())

    def commit(self) -> None:
        if not self._queued:
            super().commit()
            return
        with self.pipeline():
            self.send_queued()
            psycopg.Cursor(self).execute("COMMIT")

    def rollback(self) -> None:
        self._queued.clear()
        super().rollback()

    def wait(
        self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None
    ) -> Result:
        """Wait for the server; what is queued goes first where nothing else has taken it along."""
        if self._queued and self._pipeline is None:
            queued, self._queued = self._queued, deque()
            for each in queued:
                super().wait(psycopg.Cursor(self)._execute_gen(*each), interval, timeout)
        return super().wait(gen, interval, timeout)

    def _start_query(self) -> PQGen[None]:
        """Begin a transaction where none is; in a pipeline without waiting until it has begun."""
        if self._pipeline is None:
            yield from super()._start_query()
        elif self._has_to_begin:
            yield from self._exec_command(self._get_tx_start_command())


def set_with_next(
    connection: Connection, statement: str, values: tuple[str, ...] | None = None
) -> None:
    """Send a setting with the next statement, or now where the driver's connection keeps none."""
    driver = connection.connection.driver_connection
    if isinstance(driver, PipeliningConnection):
        driver.queue_setting(statement, values)
    else:
        connection.exec_driver_sql(statement, values)


@contextmanager
def queued(connection: Connection) -> Iterator[None]:
    """Queue what is executed meanwhile: it is sent, and may fail, with the next statement."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, PipeliningConnection):
        yield
        return
    driver.queues = True
    try:
        yield
    finally:
        driver.queues = False


def _may_be_several(query: QueryNoTemplate, params: Params | None) -> bool:
    """Tell whether a query may hold several statements, which a pipeline does not take."""
    return not params and (not isinstance(query, str) or ";" in query)
