"""``auditsaas distribute``: the same schema over the nodes of a Citus cluster.

What carries ``workspace_id`` in its primary key is spread by it, so that a workspace's rows lie
together on one node; everything else is small, and is copied to every node.
"""

from __future__ import annotations

from dataclasses import dataclass

import click
from sqlalchemy import Connection, text

from auditsaas.db.pools import make_engine
from auditsaas.operations.upgrade import Roles
from config.settings import Settings
from config.start import load

FIRST = "events"
"""The table that the others are placed beside."""

ROLE_SETTINGS = {
    # Row-level security on the nodes reads what SET LOCAL says here.
    "citus.propagate_set_commands": "local",
    # A transaction may write a small table, which is on every node, and then the log beside it.
    "citus.multi_shard_modify_mode": "sequential",
}

_TABLES = text(
    """
    SELECT c.relname, EXISTS (
        SELECT FROM pg_index AS i JOIN pg_attribute AS a
        ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey) AND a.attname = 'workspace_id'
        WHERE i.indrelid = c.oid AND i.indisprimary)
    FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    AND NOT c.relispartition AND c.relname NOT IN ('alembic_version', 'scope_keys')
    ORDER BY c.relname
    """
)
_FUNCTIONS = text(
    "SELECT oid::regprocedure::text FROM pg_proc"
    " WHERE pronamespace = 'public'::regnamespace AND probin IS NULL ORDER BY 1"
)
# Citus refuses a subquery in a policy, and its nodes have no key: tickets are asked for where
# events are appended, which is here, and not where they are read.
_TICKET_POLICIES = text(
    "SELECT 'DROP POLICY ' || quote_ident(policyname) || ' ON ' || quote_ident(tablename)"
    " FROM pg_policies"
    " WHERE schemaname = 'public' AND policyname LIKE 'proven%' ORDER BY 1"
)
_INSTALLED = text("SELECT extversion FROM pg_extension WHERE extname = 'citus'")
_PLACED = text("SELECT logicalrelid::regclass::text FROM pg_dist_partition")


@dataclass(frozen=True)
class Placement:
    reference: tuple[str, ...]
    distributed: tuple[str, ...]


@click.command("distribute")
def distribute() -> None:
    """Spread the tables over a Citus cluster; does nothing on plain PostgreSQL, or again."""
    settings = load()
    engine = make_engine(settings.owner_url)
    try:
        with engine.begin() as connection:
            version = connection.scalar(_INSTALLED)
            if version is None:
                click.echo("This database has no extension citus. Nothing was changed.")
                return
            done = _place(connection, settings)
    finally:
        engine.dispose()
    click.echo(f"Citus {version}: {done} tables placed." if done else "All tables are placed.")


def placement(connection: Connection) -> Placement:
    """Say where each table belongs; references first, for the others point at them."""
    rows = connection.execute(_TABLES).all()
    spread = sorted((name for name, is_spread in rows if is_spread), key=lambda n: (n != FIRST, n))
    return Placement(tuple(name for name, is_spread in rows if not is_spread), tuple(spread))


def functions(connection: Connection) -> list[str]:
    """List the schema's functions, which every node needs; an extension brings those in C."""
    return list(connection.scalars(_FUNCTIONS))


def _place(connection: Connection, settings: Settings) -> int:
    """Place what is not placed yet; how many tables that was."""
    roles = Roles.of(settings)
    for role in (roles.app, roles.platform):
        for name, value in ROLE_SETTINGS.items():
            connection.exec_driver_sql(f"ALTER ROLE \"{role}\" SET {name} TO '{value}'")
    for statement in connection.scalars(_TICKET_POLICIES).all():
        connection.exec_driver_sql(statement)
    placed = set(connection.scalars(_PLACED))
    wanted = placement(connection)
    statements = [
        (name, text("SELECT create_reference_table(:name)"), {"name": name})
        for name in wanted.reference
    ]
    for name in wanted.distributed:
        beside = "default" if name == FIRST else FIRST
        statements.append((name, _SPREAD, {"name": name, "beside": beside}))
    todo = [(statement, values) for name, statement, values in statements if name not in placed]
    for signature in functions(connection):
        connection.execute(_COPY_FUNCTION, {"signature": signature})
    for statement, values in todo:
        connection.execute(statement, values)
    return len(todo)


_COPY_FUNCTION = text("SELECT create_distributed_function(CAST(:signature AS regprocedure))")
_SPREAD = text("SELECT create_distributed_table(:name, 'workspace_id', colocate_with => :beside)")
