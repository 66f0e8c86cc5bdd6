"""Bounds each wait for PostgreSQL on the client's side.

``statement_timeout`` is kept by the server, so a server that is frozen keeps none; and a kernel
acknowledges packets for a process that is stopped. Every operation of psycopg passes through
``Connection.wait`` in the thread that asks, so the deadline is there: no second thread closes a
socket whose number may be another's by then.
"""

from __future__ import annotations

import select
import threading
import time
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

from auditsaas.db.pipelining import PipeliningConnection

CONNECT_SECONDS = 3
PING_SECONDS = 3.0
RESTED_SECONDS = 1.0
"""After so long out of use a connection is doubtful: its host may be gone without a word."""
BEYOND_THE_SERVER = 2.0
"""Seconds that a statement has after its ``statement_timeout``, which the server ends in words."""

TCP: dict[str, object] = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""libpq's bounds, which find a host that is gone, also for statements without a deadline."""

REST_SECONDS = 1.0
TURN_SECONDS = 0.25
RESTART_SECONDS = 3.0
BETWEEN_TRIES = 0.1

Result = TypeVar("Result")


class NoAnswer(psycopg.OperationalError):
    """PostgreSQL took a connection or a statement, and has not answered within its time."""

    sent = False
    """A statement was under way, so what it did is not known."""


class StatementUnanswered(NoAnswer):
    """PostgreSQL took a statement, and has not answered within its time."""

    sent = True


class Gate:
    """Refuses new connections to a server that has not answered, and lets one a second try.

    So the threads that serve people do not all wait for it. Where only a connection was hung, the
    first try opens the gate, and those who come meanwhile wait that long.
    """

    def __init__(self) -> None:
        self._doubted = False
        self._ask_again_at = 0.0
        self._trying = threading.Lock()

    def doubt(self) -> None:
        self._doubted = True

    def connect(self, args: list[Any], options: dict[str, Any]) -> BoundedConnection:
        if not self._doubted:
            return self._connected(args, options)
        if not self._trying.acquire(timeout=TURN_SECONDS):
            raise NoAnswer("PostgreSQL does not answer, and is just being asked")
        try:
            if time.monotonic() < self._ask_again_at:
                raise NoAnswer("PostgreSQL does not answer, and was asked within the last second")
            made = self._connected(args, options)
            self._doubted = False
            return made
        finally:
            self._trying.release()

    def _connected(self, args: list[Any], options: dict[str, Any]) -> BoundedConnection:
        try:
            made = BoundedConnection.connect(*args, **options)
        except psycopg.errors.ConnectionTimeout as error:
            self._doubted = True
            self._ask_again_at = time.monotonic() + REST_SECONDS
            raise NoAnswer(str(error)) from error
        made.gate = self
        return made


class BoundedConnection(PipeliningConnection):
    """A connection that is given up when one wait for the server takes longer than ``patience``."""

    patience: float | None = None
    gate: Gate
    rests_since = 0.0

    @property
    def is_doubtful(self) -> bool:
        """Whether it rested for long, or has something to say unasked: most often, that it ended.

        A server that ends says so, or its kernel does, and then there is something to be read.
        """
        if time.monotonic() - self.rests_since > RESTED_SECONDS:
            return True
        waiting = select.poll()
        waiting.register(self.pgconn.socket, select.POLLIN)
        return bool(waiting.poll(0))

    def wait(
        self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None
    ) -> Result:
        if timeout is not None or self.patience is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.patience * self.in_flight)
        except psycopg.OperationalError as error:
            if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            self.close()
            self.gate.doubt()
            raise StatementUnanswered(
                f"PostgreSQL has not answered for {self.patience:g} s"
            ) from error


def bound(
    engine: Engine,
    statement_seconds: float | None,
    *,
    ping_seconds: float | None = PING_SECONDS,
    wait_out_restarts: bool = False,
    ping_if_doubtful: bool = False,
) -> None:
    """Give each statement of an engine a deadline, and a shorter one to the ping before its use.

    ``ping_if_doubtful``: a connection that was just in use is not pinged; for pools that do not
    ping by themselves.
    ``wait_out_restarts``: connecting is tried again for ``RESTART_SECONDS`` where it is refused.
    Nothing was sent yet, so nothing is done twice; a server that does not answer is not asked
    again.
    """
    gate = Gate()

    def connect(_dialect: Any, _record: Any, args: list[Any], options: dict[str, Any]) -> Any:
        until = time.monotonic() + (RESTART_SECONDS if wait_out_restarts else 0)
        while True:
            try:
                made = gate.connect(args, options)
            except NoAnswer:
                raise
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(BETWEEN_TRIES)
            else:
                made.patience = statement_seconds
                made.rests_since = time.monotonic()
                return made

    def taken(connection: BoundedConnection, _record: Any, _proxy: Any) -> None:
        if ping_if_doubtful and connection.is_doubtful:
            _ping(engine, connection)
        connection.patience = statement_seconds

    def given_back(connection: BoundedConnection | None, _record: Any) -> None:
        if connection is not None:
            connection.patience = ping_seconds
            connection.rests_since = time.monotonic()

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "checkout", taken)
    event.listen(engine, "checkin", given_back)


def _ping(engine: Engine, connection: BoundedConnection) -> None:
    """Let the pool connect anew where the server does not answer; its other connections too."""
    try:
        engine.dialect.do_ping(connection)  # type: ignore[arg-type]  # the driver's own
    except psycopg.Error as error:
        raise InvalidatePoolError from error


def beyond(statement_timeout_ms: int) -> float | None:
    """Return the client's deadline for statements that the server ends after so long."""
    return statement_timeout_ms / 1000 + BEYOND_THE_SERVER if statement_timeout_ms else None
