"""The rules by which a migration can run while people work."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import IntegrityError

from auditsaas.operations import revisions, upgrade
from auditsaas.operations.revisions import MIGRATIONS
from auditsaas.operations.upgrade import Roles
from config.settings import Settings
from tests.deployment.servers import PostgresServer

FILES = sorted((MIGRATIONS / "versions").glob("*.py"))
CHANGES = [path for path in FILES if not path.name.startswith("0001_")]

# Each of these reads or writes every row under a lock that stops readers or writers.
REWRITES = re.compile(
    r"ALTER TABLE (?:ONLY )?events\b[^;\"']*"
    r"(?:ALTER COLUMN \w+ (?:SET DATA )?TYPE|ADD COLUMN [^;\"']*DEFAULT (?:gen_random|clock|random)"
    r"|SET NOT NULL|ADD (?:CONSTRAINT|PRIMARY|FOREIGN|CHECK)(?![^;\"']*NOT VALID))"
    r"|UPDATE events\b|DELETE FROM events\b|CLUSTER events|VACUUM FULL"
    r"|CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY)[^;\"']* ON (?:ONLY )?events\b",
    re.IGNORECASE,
)
CONTENTS = text(
    """
    SELECT c.relname, c.relkind::text, c.relrowsecurity, c.relforcerowsecurity, c.relacl::text,
        (SELECT array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
                || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
                || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') ORDER BY a.attname)
         FROM pg_attribute AS a
         LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
        (SELECT array_agg(pg_get_constraintdef(k.oid) ORDER BY pg_get_constraintdef(k.oid))
         FROM pg_constraint AS k
         WHERE k.conrelid = c.oid),
        (SELECT array_agg(pg_get_expr(p.polqual, c.oid) ORDER BY p.polname)
         FROM pg_policy AS p WHERE p.polrelid = c.oid)
    FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname !~ '^alembic_version'
    ORDER BY c.relname
    """
)

FUNCTIONS = text(
    "SELECT proname::text, pg_get_functiondef(oid), proacl::text FROM pg_proc"
    " WHERE pronamespace = 'public'::regnamespace ORDER BY proname"
)
KNOWN = text(
    "WITH known AS (INSERT INTO actors (workspace_id, id, name, as_of)"
    "               VALUES (:id, 'u_1', 'ÉLODIE Durand', now()))"
    " INSERT INTO actor_emails (workspace_id, email, actor_id)"
    " VALUES (:id, 'ınfo@example.com', 'u_1')"
)
OLD_EVENT = text(
    "INSERT INTO events (workspace_id, id, seq, occurred_at, received_at, activity, status,"
    " actor_id, platform, browser)"
    " SELECT :id, :event, 1, now(), now() + CAST(:later AS interval), 'a', 'success', 'x', '', ''"
)
MEMBER = text(
    "WITH person AS (INSERT INTO users (id, email, name)"
    "                VALUES (:id, 'ann@example.com', 'Ann Lee') RETURNING id),"
    " member AS (INSERT INTO memberships (workspace_id, user_id, role)"
    "            SELECT :id, id, 'auditor' FROM person)"
    " INSERT INTO actors (workspace_id, id, name, role, as_of)"
    " SELECT :id, text, 'Forged', 'super-admin', now()"
    " FROM unnest(ARRAY[CAST(:id AS text), 'u_1']) AS text"
)
INVALID = text("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")


@pytest.fixture(scope="module")
def scratch(postgres_server: PostgresServer) -> Iterator[Connection]:
    """The owner's connection to an empty database."""
    yield from new_database(postgres_server, "scratch")


@pytest.fixture(scope="module")
def peopled(postgres_server: PostgresServer) -> Iterator[Connection]:
    """The owner's connection to a database that is to have people in it."""
    yield from new_database(postgres_server, "peopled")


@pytest.fixture
def blank(postgres_server: PostgresServer) -> Iterator[Connection]:
    """The owner's connection to a database that nothing was ever in."""
    yield from new_database(postgres_server, "blank")


def new_database(server: PostgresServer, name: str) -> Iterator[Connection]:
    with server.connect("postgres", "postgres") as superuser:
        superuser.execute(f"CREATE DATABASE {name} OWNER auditsaas_owner")
    engine = create_engine(server.url("owner", name).replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def empty(settings: Settings, postgres_server: PostgresServer) -> Settings:
    """Settings of an empty database."""
    with postgres_server.connect("postgres", "postgres") as superuser:
        superuser.execute("CREATE DATABASE at_once OWNER auditsaas_owner")
    app, platform, owner = (
        postgres_server.url(role, "at_once").replace("postgresql:", "postgresql+psycopg:")
        for role in ("app", "platform", "owner")
    )
    return replace(
        settings,
        database_url=app,
        platform_database_url=platform,
        # Who waits for ever fails instead.
        migration_database_url=owner + "?options=-c%20lock_timeout%3D20s",
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("step", ["upgrade", "downgrade"])
def test_every_migration_has_a_lock_timeout(path: Path, step: str) -> None:
    assert re.match(r"SET LOCAL lock_timeout = '[1-5]s'", statements(path, step)[0])


def test_names_that_the_log_knows_already_lead_to_their_actors(scratch: Connection) -> None:
    workspace = uuid4()
    config = before(scratch, "0026", workspace)
    scratch.execute(KNOWN, {"id": workspace})
    scratch.commit()
    command.upgrade(config, "head")
    names = scratch.execute(text("SELECT name, actor_id FROM actor_names")).all()
    assert [tuple(row) for row in names] == [("élodie durand", "u_1")]
    emails = scratch.scalars(text("SELECT email FROM actor_emails ORDER BY email")).all()
    assert emails == ["info@example.com", "ınfo@example.com"]


def before(scratch: Connection, revision: str, workspace: UUID) -> Config:
    """Bring the database to this revision, with one workspace in it, which is bound."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = scratch
    config.attributes["roles"] = Roles("auditsaas_app", "auditsaas_platform")
    command.upgrade(config, "head")
    command.downgrade(config, revision)
    scratch.execute(
        text("INSERT INTO workspaces (id, slug, name) VALUES (:id, :slug, 'Acme')"),
        {"id": workspace, "slug": f"acme-{revision}"},
    )
    bound = text("SELECT set_config('auditsaas.workspaces', :ids, false)")
    scratch.execute(bound, {"ids": f"{{{workspace}}}"})
    return config


def test_events_from_before_sources_keep_none_and_members_are_as_the_product_knows_them(
    peopled: Connection,
) -> None:
    workspace = uuid4()
    config = before(peopled, "0027", workspace)
    peopled.execute(OLD_EVENT, {"id": workspace, "event": uuid4(), "later": "0"})
    peopled.execute(MEMBER, {"id": workspace})
    peopled.commit()
    command.upgrade(config, "head")
    assert peopled.scalars(text("SELECT source FROM events")).all() == [None]
    known = text("SELECT name, role, source FROM actors WHERE workspace_id = :id ORDER BY name")
    assert [tuple(row) for row in peopled.execute(known, {"id": workspace})] == [
        ("Ann Lee", "auditor", "product"),
        ("Forged", "super-admin", None),
    ]


def test_version_before_sources_may_append_for_a_week(peopled: Connection) -> None:
    peopled.rollback()
    [workspace] = peopled.scalars(text("SELECT workspace_id FROM events")).all()
    peopled.execute(OLD_EVENT, {"id": workspace, "event": uuid4(), "later": "6 days"})
    with pytest.raises(IntegrityError, match="ck_events_source"):
        peopled.execute(OLD_EVENT, {"id": workspace, "event": uuid4(), "later": "9 days"})
    peopled.rollback()


def statements(path: Path, step: str) -> list[str]:
    """The literal statements of one step, in order."""
    functions = {
        node.name: node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    calls = [node for node in ast.walk(functions[step]) if isinstance(node, ast.Call)]
    arguments = [
        call.args[0]
        for call in sorted(calls, key=lambda call: call.lineno)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "execute"
    ]
    return [str(a.value) for a in arguments if isinstance(a, ast.Constant)]


@pytest.mark.parametrize("path", CHANGES, ids=lambda path: path.stem)
def test_no_migration_rewrites_or_scans_the_log_under_a_lock(path: Path) -> None:
    upgrade = path.read_text().partition("def downgrade(")[0]
    assert REWRITES.search(" ".join(upgrade.split())) is None


def test_table_rewrite_is_detected() -> None:
    """The control: what the rule is there for is found."""
    for statement in (
        "ALTER TABLE events ALTER COLUMN status_code TYPE integer",
        "ALTER TABLE events ADD CONSTRAINT x CHECK (n > 0)",
        "UPDATE events SET path = NULL",
        "CREATE INDEX ix ON events (path)",
    ):
        assert REWRITES.search(statement)
    for statement in (
        "ALTER TABLE events ADD COLUMN country text",
        "ALTER TABLE events ADD CONSTRAINT x CHECK (n > 0) NOT VALID",
        "CREATE INDEX CONCURRENTLY ix ON events (path)",
    ):
        assert not REWRITES.search(statement)


def test_every_migration_is_reversible(blank: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = blank
    config.attributes["roles"] = Roles("auditsaas_app", "auditsaas_platform")
    command.upgrade(config, "head")
    blank.commit()
    first = contents(blank)
    assert len(first) > 20
    command.downgrade(config, "-1")
    blank.commit()
    assert contents(blank) != first
    command.upgrade(config, "head")
    blank.commit()
    assert contents(blank) == first
    command.downgrade(config, "base")
    blank.commit()
    assert contents(blank) == []
    command.upgrade(config, "head")
    blank.commit()
    assert contents(blank) == first


def test_known_revisions_are_those_of_the_migrations_in_their_order() -> None:
    steps = ScriptDirectory(str(MIGRATIONS)).walk_revisions()
    assert list(revisions.KNOWN) == [step.revision for step in steps][::-1]


def test_concurrent_upgrades_all_succeed(empty: Settings) -> None:
    """One migrates, the others wait; none of them for each other, as in building an index."""
    with ThreadPoolExecutor(3) as pool:
        for started in [pool.submit(upgrade.upgrade, empty) for _ in range(3)]:
            started.result()
    engine = create_engine(empty.owner_url)
    with engine.connect() as connection:
        assert revisions.of(connection) == revisions.HEAD
        assert connection.scalars(INVALID).all() == []
    engine.dispose()


def contents(connection: Connection) -> list[Any]:
    """Tables, indexes and functions of the schema, with their columns, keys, walls and rights."""
    found = [*connection.execute(CONTENTS).all(), *connection.execute(FUNCTIONS).all()]
    connection.commit()
    return found
