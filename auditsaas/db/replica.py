"""Reading from a streaming replica, where ``REPLICA_DATABASE_URL`` names one.

Nothing older is read there than on the primary: a reader waits, for a bounded time, until the
replica has what the primary had when it asked, and otherwise reads on the primary. A replica that
does not answer is left alone for a while, so that its absence costs one request in ten seconds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from auditsaas.db import pools, tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.extensions import db
from auditsaas.metrics import REPLICA_READS

REPLICA_BIND: Final = "replica"
"""Name of the pool of the app role on the replica."""

PAGE_PATIENCE: Final = timedelta(milliseconds=100)
LOOK_EVERY_SECONDS: Final = 0.005
REST_SECONDS: Final = 10

HERE: Final = text("SELECT pg_current_wal_flush_lsn()::text")
REACHED: Final = text("SELECT pg_last_wal_replay_lsn() >= CAST(:here AS pg_lsn)")

log = logging.getLogger(__name__)

_resting_until = 0.0


def engine_options(
    url: str,
    statement_timeout_ms: int,
    *,
    name: str = REPLICA_BIND,
    transaction_pooling: bool = False,
) -> dict[str, object]:
    """Build ``pools.engine_options`` for a server that others can stand in for.

    It must not be waited for: a connection that is frozen is given up within seconds, as its
    packets are not acknowledged.
    """
    options: dict[str, Any] = pools.engine_options(
        url, statement_timeout_ms, name=name, transaction_pooling=transaction_pooling
    )
    options["connect_args"] |= {"connect_timeout": 2, "tcp_user_timeout": 3_000}
    return options


def page_session(primary: Session, scope: Scope) -> Session | None:
    """Open a session on the replica if it has all that was committed by now; the caller closes it.

    None where there is no replica, or it is too far behind, or away.
    """
    if not _usable():
        return None
    here = primary.scalar(HERE)

    def reached(session: Session) -> bool:
        return bool(session.scalar(REACHED, {"here": here}))

    return caught_up(scope, reached, patience=PAGE_PATIENCE)


def caught_up(
    scope: Scope,
    reached: Callable[[Session], bool],
    *,
    patience: timedelta,
    isolation_level: str = "READ COMMITTED",
) -> Session | None:
    """Open a session on the replica if ``reached`` holds in it; the caller closes it."""
    if not _usable():
        return None
    session = tenancy.bind(scope, Session(db.engines[REPLICA_BIND]))
    deadline = time.monotonic() + patience.total_seconds()
    try:
        while True:
            session.connection(execution_options={"isolation_level": isolation_level})
            if reached(session):
                REPLICA_READS.labels("replica").inc()
                return session
            session.rollback()
            if time.monotonic() > deadline:
                break
            time.sleep(LOOK_EVERY_SECONDS)
    except SQLAlchemyError as error:
        _rest(error)
        session.invalidate()
        return None
    session.close()
    REPLICA_READS.labels("behind").inc()
    return None


def _usable() -> bool:
    return REPLICA_BIND in db.engines and time.monotonic() >= _resting_until


def _rest(error: SQLAlchemyError) -> None:
    global _resting_until
    _resting_until = time.monotonic() + REST_SECONDS
    REPLICA_READS.labels("away").inc()
    log.warning("The replica does not answer, so the primary is read: %s", error)
