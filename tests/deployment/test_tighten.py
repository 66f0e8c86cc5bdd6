"""From the version before to this one: nothing is lost, and its rights go when it has gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.config import Config
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.ids import new_id
from auditsaas.db.tenancy import Scope
from auditsaas.events.event_sources import PRODUCT
from auditsaas.events.schema import from_mapping
from auditsaas.events.writing.append import append
from auditsaas.operations import upgrade, walls
from auditsaas.operations.revisions import MIGRATIONS
from auditsaas.operations.rights import excess
from auditsaas.operations.upgrade import Roles
from config.settings import Settings
from tests.deployment.servers import PostgresServer
from tests.support.factories import event_input

BEFORE = "0033"
WORKSPACE = new_id()
APP = "auditsaas_app"

# As a process of the version before appends.
APPENDED_BEFORE = text("""
WITH head AS (
    SELECT seq FROM log_heads WHERE workspace_id = :workspace FOR UPDATE
), put AS (
    INSERT INTO events (workspace_id, id, seq, occurred_at, received_at, activity, status,
        actor_id, platform, browser, source)
    SELECT :workspace, :id, seq + 1, now(), now(), 'invoice.update', 'success', 'u_1', 'x', 'x',
        'product'
    FROM head RETURNING 1
), counted AS (
    INSERT INTO event_counts AS c (workspace_id, hour, activity, method, status, n)
    VALUES (:workspace, date_trunc('hour', now(), 'UTC'), 'invoice.update', '', 'success', 1)
    ON CONFLICT (workspace_id, hour, activity, method, status) DO UPDATE SET n = c.n + 1
), seen AS (
    INSERT INTO actors AS a (workspace_id, id, as_of) VALUES (:workspace, 'u_1', now())
    ON CONFLICT (workspace_id, id) DO UPDATE SET as_of = EXCLUDED.as_of
)
UPDATE log_heads SET seq = seq + 1
WHERE workspace_id = :workspace AND (SELECT count(*) FROM put) = 1
""")


@pytest.fixture
def installed(settings: Settings, postgres_server: PostgresServer) -> Iterator[Settings]:
    """An installation of the version before, with a workspace and an event."""
    with postgres_server.connect("postgres", "postgres") as superuser:
        superuser.execute("CREATE DATABASE tightened OWNER auditsaas_owner")
    app, platform, owner = (
        postgres_server.url(role, "tightened").replace("postgresql:", "postgresql+psycopg:")
        for role in ("app", "platform", "owner")
    )
    made = replace(
        settings, database_url=app, platform_database_url=platform, migration_database_url=owner
    )
    _install_before(engine_of(owner))
    with bound(made) as session:
        session.execute(
            text("INSERT INTO workspaces (id, slug, name) VALUES (:id, 'acme', 'Acme')"),
            {"id": WORKSPACE},
        )
        session.execute(text("INSERT INTO log_heads VALUES (:id, 0)"), {"id": WORKSPACE})
        session.commit()
    append_as_before(made)
    yield made
    with postgres_server.connect("postgres", "postgres") as superuser:
        superuser.execute("DROP DATABASE tightened WITH (FORCE)")


def _install_before(engine: Engine) -> None:
    _migrate(engine, command.upgrade, BEFORE)


def _migrate(engine: Engine, by: Callable[[Config, str], None], revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        config.attributes["roles"] = Roles(APP, "auditsaas_platform")
        by(config, revision)
        connection.commit()


def engine_of(url: str) -> Engine:
    return create_engine(url, poolclass=NullPool)


def bound(settings: Settings) -> Session:
    return tenancy.bind(Scope.of(WORKSPACE), Session(engine_of(settings.database_url)))


def append_as_before(settings: Settings) -> None:
    with bound(settings) as session:
        session.execute(APPENDED_BEFORE, {"workspace": WORKSPACE, "id": new_id()})
        session.commit()


def append_now(settings: Settings) -> None:
    with bound(settings) as session:
        append(
            session,
            WORKSPACE,
            [from_mapping(event_input(), datetime.now(UTC))],
            source=PRODUCT,
        )
        session.commit()


def numbers(settings: Settings) -> tuple[int, list[int]]:
    """The head's, and those of the events."""
    with bound(settings) as session:
        head = session.scalars(text("SELECT seq FROM log_heads")).one()
        return head, list(session.scalars(text("SELECT seq FROM events ORDER BY seq")))


def left_over(settings: Settings) -> list[str]:
    with engine_of(settings.owner_url).connect() as connection:
        return excess(connection, APP)


def test_both_versions_append_until_the_rights_of_the_first_are_taken(installed: Settings) -> None:
    upgrade.upgrade(installed)
    append_as_before(installed)
    append_now(installed)
    assert numbers(installed) == (3, [1, 2, 3])
    assert {"INSERT of events.seq", "UPDATE of users.is_super_admin"} <= set(left_over(installed))
    assert set(upgrade.tighten(installed)) >= {"UPDATE of log_heads.seq"}
    with pytest.raises(DBAPIError) as refusal:
        append_as_before(installed)
    assert isinstance(refusal.value.orig, InsufficientPrivilege)
    append_now(installed)
    assert numbers(installed) == (4, [1, 2, 3, 4])
    assert (left_over(installed), upgrade.tighten(installed)) == ([], [])


def test_column_that_an_upgrade_adds_to_a_tight_table_is_written(installed: Settings) -> None:
    upgrade.upgrade(installed)
    upgrade.tighten(installed)
    with engine_of(installed.owner_url).begin() as owner:
        owner.execute(text("ALTER TABLE users ADD COLUMN pronouns text"))
    with bound(installed) as session, pytest.raises(DBAPIError):
        session.execute(text("UPDATE users SET pronouns = 'they'"))
    upgrade.upgrade(installed)
    assert left_over(installed) == []
    with bound(installed) as session:
        session.execute(text("UPDATE users SET pronouns = 'they'"))


def seen_by_platform(settings: Settings, look: str | None = None) -> int:
    """How many events the platform role sees, as the version before or with a look."""
    with engine_of(settings.platform_database_url).begin() as connection:
        if look is not None:
            connection.execute(text(f"SET LOCAL auditsaas.looked_at = '{look}'"))
        return int(connection.scalar(text("SELECT count(*) FROM events")) or 0)


def test_platform_role_sees_all_until_the_version_before_is_gone(installed: Settings) -> None:
    upgrade.upgrade(installed)
    assert seen_by_platform(installed) == 1
    assert "a look at all of events" in left_over(installed)
    upgrade.tighten(installed)
    assert seen_by_platform(installed) == 0
    for look in ("all", f"{{{WORKSPACE}}}"):
        assert seen_by_platform(installed, look) == 1
    assert left_over(installed) == []


def test_tight_database_of_before_has_the_policies_of_a_new_one(installed: Settings) -> None:
    """Whether a migration changed them or ``db tighten`` made them."""
    upgrade.upgrade(installed)
    upgrade.tighten(installed)
    owner = engine_of(installed.owner_url)
    _migrate(owner, command.downgrade, "0059")
    append_now(installed)
    upgrade.upgrade(installed)
    append_now(installed)
    with owner.connect() as connection:
        roles = asdict(Roles(APP, "auditsaas_platform"))
        assert list(walls.policies(connection, roles)) == []
        assert list(walls.functions(connection, roles)) == []
