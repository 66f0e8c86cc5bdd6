"""Checks tenant isolation in the database: rights of the roles, and row-level security of tables.

Read from PostgreSQL's own catalogue, because a grant made by hand is seen nowhere else.
"""

from __future__ import annotations

from sqlalchemy import Connection, NullPool, text
from sqlalchemy.exc import SQLAlchemyError

from auditsaas.db.pools import make_engine
from config.errors import SettingsError
from config.settings import Settings

CONNECT_SECONDS = 3

_ABOVE_THE_WALLS = text(
    """
    SELECT CASE WHEN rolsuper THEN 'is a superuser'
                WHEN rolbypassrls THEN 'has BYPASSRLS'
                WHEN EXISTS (SELECT FROM pg_class AS c
                             WHERE c.relnamespace = 'public'::regnamespace
                             AND c.relkind IN ('r', 'p') AND pg_has_role(c.relowner, 'MEMBER'))
                THEN 'is, or is a member of, the owner of the tables' END
    FROM pg_roles WHERE rolname = current_user
    """
)
_TENANT_TABLES = """
    SELECT c.oid, c.relname, c.relrowsecurity AND c.relforcerowsecurity AS walled FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    AND NOT c.relispartition AND EXISTS (
        SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND NOT a.attisdropped
        AND a.attname IN ('workspace_id', 'workspace_ids'))
"""
_OPEN_TABLES = text(f"SELECT relname FROM ({_TENANT_TABLES}) AS t WHERE NOT walled ORDER BY 1")  # noqa: S608  # a constant
_EDITABLE_LOG = text(
    """
    SELECT c.relname FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    AND (c.relname = 'events' AND has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')
         OR c.relispartition AND has_table_privilege(c.oid,
            'SELECT, INSERT, UPDATE, DELETE, TRUNCATE'))
    ORDER BY 1
    """
)
_WRITABLE = text(
    """
    SELECT c.relname FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') ORDER BY 1
    """
)


def above_the_walls(connection: Connection) -> str | None:
    """Describe what lets this connection's role bypass row-level security, or return None."""
    found: str | None = connection.scalar(_ABOVE_THE_WALLS)
    return found


def open_tables(connection: Connection) -> list[str]:
    """List tables of tenants whose row-level security is not both enabled and forced."""
    return list(connection.scalars(_OPEN_TABLES))


def editable_log(connection: Connection) -> list[str]:
    """List tables through which this connection's role could change, remove or sidestep the log."""
    return list(connection.scalars(_EDITABLE_LOG))


def writable(connection: Connection) -> list[str]:
    """List tables that this connection's role may write."""
    return list(connection.scalars(_WRITABLE))


def refuse_to_start_above(settings: Settings) -> None:
    """Refuse to start as a role above row-level security; an unreachable database is for /readyz.

    Raises:
        SettingsError: a role that serves people stands above row-level security.
    """
    roles = {
        "DATABASE_URL": settings.database_url,
        "PLATFORM_DATABASE_URL": settings.platform_database_url,
        "REPLICA_DATABASE_URL": settings.replica_database_url,
    }
    for name, url in roles.items():
        reason = url and _reason(url)
        if reason:
            raise SettingsError(
                f"{name} connects as a role that {reason}, so the walls between tenants would not"
                " hold: docs/deploy.md shows how to make the three roles."
            )


def _reason(url: str) -> str | None:
    engine = make_engine(url, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_SECONDS})
    try:
        with engine.connect() as connection:
            return above_the_walls(connection)
    except SQLAlchemyError:
        return None
