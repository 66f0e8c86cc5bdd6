"""Brings a database to the schema of this version: roles, migrations, partitions."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import ProgrammingError

from auditsaas.db.pools import make_engine
from auditsaas.events.maintenance import daily_counts, partitions
from auditsaas.operations import revisions, rights
from auditsaas.operations.revisions import Standing
from config.errors import SettingsError
from config.settings import Settings

if TYPE_CHECKING:
    from alembic.config import Config

UPGRADE_LOCK = 0x41554449
TURN_SECONDS = 0.2


@dataclass(frozen=True)
class Roles:
    """Names of the two roles that the running product connects as."""

    app: str
    platform: str

    @classmethod
    def of(cls, settings: Settings) -> Roles:
        app = make_url(settings.database_url).username
        platform = make_url(settings.platform_database_url).username
        owner = make_url(settings.owner_url).username
        if not app or not platform or not owner or len({app, platform, owner}) < 3:
            raise SettingsError(
                "DATABASE_URL, PLATFORM_DATABASE_URL and MIGRATION_DATABASE_URL"
                " must each name a role of its own."
            )
        if any('"' in role for role in (app, platform)):
            raise SettingsError("Role names in database URLs must not contain a double quote.")
        return cls(app, platform)


def upgrade(settings: Settings, now: datetime | None = None) -> Standing:
    """Apply what is missing; safe to run again, and by two processes at once.

    Returns how the schema stands then: what a later version migrated is left as it is.

    Raises:
        SettingsError: the roles are missing and may not be created with this connection.
    """
    roles = Roles.of(settings)
    engine = make_engine(settings.owner_url)
    try:
        with engine.connect() as connection:
            _take_turns(connection)
            if revisions.standing(revisions.of(connection)) is Standing.NEWER:
                return Standing.NEWER
            connection.commit()
            _ensure_roles(connection, roles)
            tight = _is_tight(connection, roles)
            _migrate(connection, roles)
            rights.keep_keys(connection, settings.secret_keys)
            rights.install_functions(connection, roles.app)
            rights.grant(connection, roles.app)
            if tight:
                rights.tighten(connection, roles.app)
            connection.commit()
            partitions.ensure(connection, now or datetime.now(UTC))
            daily_counts.rebuild_stale(engine)
            return Standing.SAME
    finally:
        engine.dispose()


def tighten(settings: Settings) -> list[str]:
    """Take from the app role what only the version before used; return what that was.

    Raises:
        SettingsError: the schema is not that of this version.
    """
    roles = Roles.of(settings)
    engine = make_engine(settings.owner_url)
    try:
        with engine.connect() as connection:
            _take_turns(connection)
            _refuse_other_schema(revisions.standing(revisions.of(connection)))
            before = rights.excess(connection, roles.app)
            rights.tighten(connection, roles.app)
            rights.forget_other_keys(connection, settings.secret_keys)
            connection.commit()
            return before
    finally:
        engine.dispose()


def _refuse_other_schema(standing: Standing) -> None:
    if standing is Standing.NEWER:
        raise SettingsError("The schema is of a newer version. Run the command of that version.")
    if standing is Standing.OLDER:
        raise SettingsError("The schema is of an older version. Run: auditsaas db upgrade")


def _is_tight(connection: Connection, roles: Roles) -> bool:
    """Tell whether no running process can need more rights: of a new database, or a tight one.

    What the schema of this version adds is not looked at, for it is not there yet.
    """
    new = revisions.of(connection) is None
    tight = new or not rights.excess(connection, roles.app)
    connection.commit()
    return tight


def _take_turns(connection: Connection) -> None:
    """Wait for the upgrade lock by polling, so that the other process is not held up.

    A session that waits in PostgreSQL holds a snapshot, and an index that is built concurrently
    waits for every snapshot there is.
    """
    taken = text("SELECT pg_try_advisory_lock(:key)")
    while not connection.scalar(taken, {"key": UPGRADE_LOCK}):
        connection.rollback()
        time.sleep(TURN_SECONDS)
    connection.commit()


def _migrate(connection: Connection, roles: Roles) -> None:
    from alembic import command

    config = _alembic()
    config.attributes["connection"] = connection
    config.attributes["roles"] = roles
    command.upgrade(config, "head")
    connection.commit()


def _alembic() -> Config:
    # Alembic is imported where it is used: it takes a fifth of the time that a process starts in.
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(revisions.MIGRATIONS))
    return config


def _ensure_roles(connection: Connection, roles: Roles) -> None:
    """Create the two roles where this connection may; a managed server's owner does it by hand."""
    for role in (roles.app, roles.platform):
        known = connection.scalar(
            text("SELECT true FROM pg_roles WHERE rolname = :role"), {"role": role}
        )
        if known:
            continue
        try:
            connection.exec_driver_sql(f'CREATE ROLE "{role}" LOGIN NOSUPERUSER NOBYPASSRLS')
        except ProgrammingError as error:
            connection.rollback()
            raise SettingsError(
                f"The database has no role {role}. As an administrator, run:"
                f" CREATE ROLE \"{role}\" LOGIN PASSWORD '…' NOSUPERUSER NOBYPASSRLS;"
            ) from error
    connection.commit()
