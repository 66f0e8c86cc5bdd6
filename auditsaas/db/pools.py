"""Configures the connections to PostgreSQL, direct or through a pooler."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from auditsaas.db import deadlines, encoding
from auditsaas.extensions import db
from auditsaas.metrics import POOL_IN_USE, POOL_SIZE, POOL_WAITING

DATA_EXCEPTION = "22"
# SQLAlchemy names the log of a pool by its class, and would tell there of each connection.
logging.getLogger(f"{__name__}.MeasuredPool").setLevel(logging.WARNING)


class MeasuredPool(QueuePool):
    """A pool that tells the figures how much of it is in use, by ``pool_logging_name``.

    ``_do_get`` and ``_do_return_conn`` are what SQLAlchemy's own kinds of pools implement.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        name = self.logging_name or "other"
        self._most = self.size() + self._max_overflow
        self._in_use, self._waiting = POOL_IN_USE.labels(name), POOL_WAITING.labels(name)
        POOL_SIZE.labels(name).set(self._most)

    def _do_get(self) -> ConnectionPoolEntry:
        if self.checkedout() < self._most:
            found = super()._do_get()
        else:
            with self._waiting.track_inprogress():
                found = super()._do_get()
        self._in_use.set(self.checkedout())
        return found

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        super()._do_return_conn(record)
        self._in_use.set(self.checkedout())


def engine_options(
    url: str, statement_timeout_ms: int, *, name: str = "other", transaction_pooling: bool = False
) -> dict[str, object]:
    """Build engine options for a role's pool: UTC, bounded statements, stale connections noticed.

    ``deadlines.bound`` bounds the same on the client's side; ``name`` is the pool's in figures.

    A pooler in transaction mode gives each transaction another server connection, so nothing may
    be prepared in one or said when it opens: ``settle_each_transaction`` says it instead.
    """
    connect_args: dict[str, object] = {"application_name": "auditsaas", **deadlines.TCP}
    if transaction_pooling:
        connect_args["prepare_threshold"] = None
    else:
        connect_args["options"] = f"-c timezone=UTC -c statement_timeout={statement_timeout_ms}"
    return {
        "url": url,
        "poolclass": MeasuredPool,
        "pool_logging_name": name,
        "pool_pre_ping": True,
        "pool_size": 8,
        "max_overflow": 8,
        "connect_args": connect_args,
        "hide_parameters": True,
    }


def make_engine(url: str, **options: Any) -> Engine:
    """Make an engine that is guarded; every engine but Flask's."""
    engine = create_engine(url, **{**options, "hide_parameters": True})
    guard(engine)
    return engine


def guard(engine: Engine) -> None:
    """Let an engine refuse what is not UTF8, and name no value in its errors."""
    encoding.refuse_other(engine)
    _hide_values(engine)


def _hide_values(engine: Engine) -> None:
    """Leave a statement's values out of its errors: log and error hooks must not learn them.

    PostgreSQL repeats them as well: the whole row in the detail of a violated constraint, the
    text itself where it cannot be read as a number or a date (class 22).
    """
    event.listen(engine, "handle_error", _without_values)


def _without_values(context: ExceptionContext) -> None:
    error, wrapped = context.original_exception, context.sqlalchemy_exception
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        said = error.diag.message_primary
        if (error.sqlstate or "").startswith(DATA_EXCEPTION):
            said = said.partition('"')[0].strip()
        error.args = (said,)
        if wrapped is not None:
            wrapped.args = (f"({type(error).__module__}.{type(error).__name__}) {said}",)
    if wrapped is not None:
        wrapped.params = None


def settle_each_transaction(engine: Engine, statement_timeout_ms: int) -> None:
    """Apply a pooled engine's settings at the beginning of each transaction."""

    def settle(connection: Connection) -> None:
        connection.exec_driver_sql(
            f"SET LOCAL timezone = 'UTC'; SET LOCAL statement_timeout = {int(statement_timeout_ms)}"
        )

    event.listen(engine, "begin", settle)


def end_transaction(_error: BaseException | None = None) -> None:
    """Roll back what a request or job left open; one that PostgreSQL ended itself is no failure.

    What was to be kept is committed by then, and the answer is made.
    """
    with suppress(DBAPIError):
        db.session.rollback()
