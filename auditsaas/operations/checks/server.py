"""Checks the PostgreSQL server: version, schema, clock, durability, room."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError

from auditsaas.db import failures
from auditsaas.operations import readiness, revisions
from auditsaas.operations.checks.check import Sight, either
from auditsaas.operations.figures.database_server import CLOCK_SKEW
from auditsaas.operations.finding import Finding, fail, ok, warn
from auditsaas.operations.revisions import Standing

OLDEST_SERVER = 150_000
UPGRADE = "Run: auditsaas db upgrade"

_OFF = text(
    """
    SELECT s.name, s.source, d.setdatabase <> 0 AS of_database, d.setrole <> 0 AS of_role,
        current_user AS role, current_database() AS database
    FROM pg_settings AS s LEFT JOIN LATERAL (
        SELECT d.setdatabase, d.setrole FROM pg_db_role_setting AS d
        WHERE d.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
        AND d.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = current_user))
        AND EXISTS (SELECT FROM unnest(d.setconfig) AS each WHERE starts_with(each, s.name || '='))
        ORDER BY d.setrole <> 0 DESC, d.setdatabase <> 0 DESC LIMIT 1
    ) AS d ON true
    WHERE s.name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND s.setting = 'off'
    ORDER BY 1
    """
)
_UNLOGGED = text(
    "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    " AND relkind = 'r' AND relpersistence = 'u' ORDER BY 1"
)


def _version(sight: Sight) -> Finding:
    number = int(sight.app.scalar(text("SHOW server_version_num")) or 0)
    words = f"is version {sight.app.scalar(text('SHOW server_version'))}"
    if number < OLDEST_SERVER:
        return fail("PostgreSQL", words, "Upgrade it to 15 or newer.")
    return ok("PostgreSQL", words)


def _migrations(sight: Sight) -> Finding:
    here = revisions.of(sight.app)
    standing = revisions.standing(here)
    if standing is Standing.OLDER:
        words = f"the database is at {here}, this version needs {revisions.HEAD}"
        return fail("migrations", words, UPGRADE)
    if standing is Standing.NEWER:
        return warn(
            "migrations",
            f"the database is at {here}, newer than this version, which ends with {revisions.HEAD}",
            "Start the newer version when it is ready; until then this one serves.",
        )
    return ok("migrations", f"at {here}, the newest")


def _clock(sight: Sight) -> Finding:
    before = datetime.now(UTC)
    there: datetime = sight.app.scalars(text("SELECT clock_timestamp()")).one()
    after = datetime.now(UTC)
    skew = max(before - there, there - after, timedelta())
    if skew > CLOCK_SKEW:
        return warn(
            "clock",
            f"differs from the database's by {skew.total_seconds():.1f} s",
            "Let both machines follow the same time server (chrony or systemd-timesyncd).",
        )
    return ok("clock", "agrees with the database's")


def _durability(sight: Sight) -> Finding:
    off = sight.app.execute(_OFF).all()
    unlogged = list(sight.app.scalars(_UNLOGGED))
    if off:
        names = ", ".join(row.name for row in off)
        return fail(
            "durability",
            f"{names} is off, so events that were acknowledged can be lost",
            " ".join(_switched_on(row) for row in off),
        )
    if unlogged:
        remedy = " ".join(f"ALTER TABLE {name} SET LOGGED;" for name in unlogged)
        words = f"{', '.join(unlogged)} would be empty after a crash: it is unlogged"
        return fail("durability", words, f"As the owner: {remedy}")
    return ok("durability", "an acknowledged event is on disk")


def _switched_on(off: Row[Any]) -> str:
    """Say what to do at the very place that switched a setting off."""
    name = off.name
    if off.source == "client":
        return f"Take {name} out of options in DATABASE_URL or PGOPTIONS."
    if off.of_role or off.of_database:
        whose = f'ROLE "{off.role}"' if off.of_role else f'DATABASE "{off.database}"'
        within = f' IN DATABASE "{off.database}"' if off.of_role and off.of_database else ""
        return f"As an administrator: ALTER {whose}{within} RESET {name};"
    return f"As a superuser: ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf();"


def _disk(sight: Sight) -> Finding:
    try:
        with sight.app.begin_nested():
            readiness.write(sight.app)
    except DBAPIError as error:
        failure = failures.told(error)
        return fail("disk", f"the database cannot write: {failure.title}", failure.remedy)
    return ok("disk", "the database can write")


CHECKS = (
    either("postgresql", _version),
    either("migrations", _migrations),
    either("clock", _clock),
    either("durability", _durability),
    either("disk", _disk),
)
