"""Sends statements that need no answer of their own together with the one after them.

A transaction's BEGIN and the settings that bind it, and what is noted before its COMMIT, are not
worth a way to the server and back each. They are queued on the connection, and leave with the next
statement, in order, as libpq's pipeline mode has it. Where one of them fails, what came after it is
not run, and the error is raised where the statement was that carried it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import Any, NamedTuple, Self, TypeVar

import psycopg
from greenlet import getcurrent, greenlet
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
        connection = self._conn
        if connection.queues:
            connection.queue(query, params)
        elif _may_be_several(query, params):
            super().execute(query, params, prepare=prepare, binary=binary)
        else:
            connection.send([Statement(self, query, params, prepare, binary)])
        return self


class Statement(NamedTuple):
    """A statement, and the cursor that takes its result."""

    cursor: PipeliningCursor
    query: QueryNoTemplate
    params: Params | None
    prepare: bool | None
    binary: bool | None

    def execute(self) -> None:
        psycopg.Cursor.execute(
            self.cursor, self.query, self.params, prepare=self.prepare, binary=self.binary
        )


class Batch(psycopg.Pipeline):
    """A pipeline that sends everything as it ends, in one piece, and waits then."""

    has_begun = False

    def _communicate_gen(self) -> PQGen[None]:
        yield from ()

    def _exit_gen(self) -> PQGen[None]:
        self._enqueue_sync()
        try:
            yield from super()._communicate_gen()
        except psycopg.Error:
            # An error may come before the rest, which is read to its end: else the connection is
            # left within a batch. What comes after the first error says only that it was not run.
            with suppress(psycopg.Error):
                yield from self._fetch_gen(flush=True)
            raise
        yield from self._fetch_gen(flush=True)


class Reader(greenlet):  # type: ignore[misc]  # it has no types
    """A function that runs side by side with others of a connection; see ``db/together``."""

    def __init__(self, function: Callable[[], Any], connection: PipeliningConnection) -> None:
        super().__init__()
        self.gr_context = copy_context()
        self.connection = connection
        self.result: Any = None
        self._function = function

    def run(self) -> None:
        self.result = self._function()


class PipeliningConnection(psycopg.Connection[Any]):
    """A connection that keeps statements until another carries them along."""

    queues = False
    """Whether statements are queued that are executed now."""

    in_flight = 1
    """How many statements the server is waited for."""

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

    def send(self, statements: Sequence[Statement]) -> None:
        """Send statements with what is queued, and wait for all of them once.

        Where a reader asks, they wait for those of the readers beside it.
        """
        reader = getcurrent()
        if isinstance(reader, Reader) and reader.connection is self and reader.parent is not None:
            reader.parent.switch(statements)
        elif self._pipeline is not None or not self._has_company(statements):
            for statement in statements:
                statement.execute()
        else:
            self._pipelined(statements)

    def _pipelined(self, statements: Sequence[Statement]) -> None:
        self.in_flight = max(1, len(statements))
        self._pipeline = Batch(self)
        try:
            with self.pipeline():
                while self._queued:
                    psycopg.Cursor(self).execute(*self._queued.popleft())
                for statement in statements:
                    statement.execute()
        finally:
            self.in_flight = 1

    def _has_company(self, statements: Sequence[Statement]) -> bool:
        """Tell whether a statement is not sent alone: its BEGIN is company too."""
        return len(statements) > 1 or bool(self._queued) or self._has_to_begin

    @property
    def _has_to_begin(self) -> bool:
        return not self.autocommit and self.pgconn.transaction_status == TransactionStatus.IDLE

    def commit(self) -> None:
        if not self._queued:
            super().commit()
            return
        self.queue("COMMIT")
        self._pipelined(())

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
        """Begin a transaction where none is; in a batch without waiting until it has begun."""
        if not isinstance(self._pipeline, Batch):
            yield from super()._start_query()
        elif self._has_to_begin and not self._pipeline.has_begun:
            self._pipeline.has_begun = True
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
