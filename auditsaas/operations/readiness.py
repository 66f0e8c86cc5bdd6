"""Tells whether the database can serve, on a connection that no request uses, within seconds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from auditsaas.db import deadlines, failures, pools, tenancy
from auditsaas.db.ids import new_id
from auditsaas.db.tenancy import Scope
from auditsaas.operations import revisions
from config.settings import Settings

CONNECT_SECONDS = 2
PING_SECONDS = 0.7
STATEMENT_MS = 1_000

SPILL = text("SELECT count(*) FROM generate_series(1, 60000)")
"""Writes most of a megabyte into a temporary file: no row, no catalogue and no log grows by it."""

PROVEN = text("SELECT scope_is_proven()")


def engine(settings: Settings) -> Engine:
    """Build the engine of the probe, whose answer takes at most three seconds."""
    options: dict[str, Any] = pools.engine_options(
        settings.database_url,
        STATEMENT_MS,
        name="probe",
        transaction_pooling=settings.transaction_pooling,
    )
    options |= {"pool_size": 1, "max_overflow": 1, "pool_timeout": 1}
    options["connect_args"] |= {"connect_timeout": CONNECT_SECONDS}
    made = pools.make_engine(**options)
    deadlines.bound(made, STATEMENT_MS / 1000, ping_seconds=PING_SECONDS)
    if settings.transaction_pooling:
        pools.settle_each_transaction(made, STATEMENT_MS)
    return made


def database(probe: Engine) -> str:
    """Return ``ok``, or what is wrong with the database."""
    try:
        with probe.begin() as connection:
            standing = revisions.standing(revisions.of(connection))
            if standing is revisions.Standing.OLDER:
                return "migrations are missing"
            write(connection)
            prove(connection)
    except (SQLAlchemyError, PoolTimeout) as error:
        return failures.told(error).state
    return "ok"


def write(connection: Connection) -> None:
    """Write to the database's disk and leave nothing there.

    Raises:
        OperationalError: of SQLSTATE 53100 where the disk is full.
    """
    connection.execute(text("SET LOCAL work_mem = '64kB'"))
    connection.execute(SPILL)


def prove(connection: Connection) -> None:
    """Bind a scope of nothing, to see that the database takes this process's tickets.

    Raises:
        ProgrammingError: it does not know ``SECRET_KEY``, or the clocks are minutes apart.
    """
    with tenancy.bind(Scope(user=new_id()), Session(connection)) as session:
        session.scalar(PROVEN)
