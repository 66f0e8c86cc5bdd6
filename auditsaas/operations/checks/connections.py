"""Checks how many connections the server has, and whether a pooler hands them out."""

from __future__ import annotations

import re

from sqlalchemy import Connection, text

from auditsaas.operations.checks.check import Sight, either
from auditsaas.operations.finding import Finding, fail, ok, warn
from config import settings

NEARLY = 0.9
OF_A_WEB_PROCESS = 2 * 16
"""The pools of both roles (``db.pools``) when all of their connections are open."""
OF_THE_WORKERS = 5 * 3
"""Quick and heavy workers of two processes each and one of maintenance: a job's, its lease's, and
the platform's."""

_ROOM = text(
    """
    SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
        current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true), '0')::int AS places,
        (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) AS of_role,
        (SELECT datconnlimit FROM pg_database WHERE datname = current_database()) AS of_database
    """
)


def _connections(sight: Sight) -> Finding:
    used, places, of_role, of_database = sight.app.execute(_ROOM).one()
    limits = [each for each in (places, of_role, of_database) if each >= 0]
    wanted = _wanted()
    if used >= places * NEARLY:
        words = f"{used} of {places} are in use"
        return warn("connections", words, _MORE.format(wanted=max(wanted, used) * 2))
    if min(limits) < wanted:
        words = f"the server has {min(limits)}, and the processes may want {wanted}"
        if of_role >= 0 and of_role == min(limits):
            name = sight.roles["app"]
            remedy = f'As an administrator: ALTER ROLE "{name}" CONNECTION LIMIT -1;'
        elif of_database >= 0 and of_database == min(limits):
            name = sight.app.scalar(text("SELECT current_database()"))
            remedy = f'As an administrator: ALTER DATABASE "{name}" CONNECTION LIMIT -1;'
        else:
            remedy = _MORE.format(wanted=wanted + places // 10 + 10)
        return warn("connections", words, remedy)
    return ok("connections", f"{used} of {places} are in use; the processes may want {wanted}")


_MORE = (
    "As a superuser: ALTER SYSTEM SET max_connections = {wanted}; then restart PostgreSQL;"
    " or put a pooler before it and set TRANSACTION_POOLING=1."
)


def _pooler(sight: Sight) -> Finding:
    if sight.settings.transaction_pooling:
        return ok("pooler", "each transaction may get another connection, and is ready for it")
    if not _is_pooled(sight):
        return ok("pooler", "none stands between us and the database")
    return fail(
        "pooler",
        "a pooler in transaction mode stands before the database, and TRANSACTION_POOLING is off",
        "Set TRANSACTION_POOLING=1 for every process, or let the URLs name the server itself.",
    )


def _is_pooled(sight: Sight) -> bool:
    """Tell whether a transaction gets another connection of the server than the one before it.

    A pooler hands out keys of its own for cancelling, so the process that it names is another's.
    """
    raw = sight.app.connection.dbapi_connection
    sight.app.rollback()
    named = raw.info.backend_pid if raw is not None else 0
    served = _backend(sight.app)
    sight.app.rollback()
    if named == served:
        return False
    # A pooler in session mode keeps a connection; in transaction mode another client takes it.
    other = sight.opened(sight.settings.database_url)
    taken = _backend(other)
    found = taken == served or _backend(sight.app) != served
    other.close()
    sight.app.rollback()
    return found


def _backend(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def _wanted() -> int:
    """Return the connections that this machine's processes open at most."""
    environ = settings.environment()
    told = re.search(r"(?:--workers|-w)[ =](\d+)", environ.get("GUNICORN_CMD_ARGS", ""))
    processes = told[1] if told else environ.get("WEB_PROCESSES") or "2"
    return int(processes) * OF_A_WEB_PROCESS + OF_THE_WORKERS if processes.isdigit() else 0


CHECKS = (either("connections", _connections), either("pooler", _pooler))
