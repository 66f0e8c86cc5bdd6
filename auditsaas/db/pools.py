"""Configures the connections to PostgreSQL, direct or through a pooler."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

import psycopg
from sqlalchemy import CompoundSelect, Connection, Engine, Select, create_engine, event
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from auditsaas.db import deadlines, encoding, tenancy
from auditsaas.db.pipelining import set_with_next
from auditsaas.extensions import db
from auditsaas.metrics import POOL_IN_USE, POOL_SIZE, POOL_WAITING

DATA_EXCEPTION = "22"
WROTE = "auditsaas wrote"
READS = {tenancy.BOUND}
"""Statements written by hand that change nothing which outlives the transaction."""
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
        # The few that are in use have the plans of what is asked all the time.
        "pool_use_lifo": True,
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
        set_with_next(connection, "SET LOCAL timezone = 'UTC'")
        set_with_next(connection, f"SET LOCAL statement_timeout = {int(statement_timeout_ms)}")

    event.listen(engine, "begin", settle)


def commit_reads(engine: Engine) -> None:
    """Let ``end_transaction`` know whether a transaction did anything but read."""
    event.listen(engine, "begin", _begin_clean)
    event.listen(engine, "before_cursor_execute", _note_write)


def _begin_clean(connection: Connection) -> None:
    connection.info.pop(WROTE, None)


def _note_write(
    connection: Connection, _cursor: Any, statement: str, _given: Any, context: Any, _many: bool
) -> None:
    """Note every statement that is not known to read only; one that was written by hand is not."""
    if statement not in READS and not _reads(getattr(context, "compiled", None)):
        connection.info[WROTE] = True


def _reads(compiled: Any) -> bool:
    """Tell whether a statement is a SELECT, and none of its CTEs is anything else."""
    if compiled is None or not isinstance(compiled.statement, Select | CompoundSelect):
        return False
    return all(cte.element.is_select for cte in compiled.ctes or ())


def end_transaction(error: BaseException | None = None) -> None:
    """End what a request or job left open: commit what only read, roll back all else.

    What was to be kept is committed by then, and the answer is made. A driver forgets its prepared
    statements when it rolls back, and each would be planned anew in the next request. That
    PostgreSQL ended a transaction itself is no failure.
    """
    with suppress(DBAPIError):
        if error is None and _only_read(db.session()):
            db.session.commit()
        else:
            db.session.rollback()


def _only_read(session: Session) -> bool:
    if not session.in_transaction() or session.new or session.dirty or session.deleted:
        return False
    return WROTE not in session.connection().info
