"""The doctor's checks of PostgreSQL: roles, isolation, migrations, partitions, clock, jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, NullPool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from auditsaas.db import failures, isolation, platform, tenancy
from auditsaas.db.ids import new_id
from auditsaas.db.platform import JOBS
from auditsaas.db.pools import make_engine
from auditsaas.db.tenancy import Scope
from auditsaas.jobs.backlog import backlogs
from auditsaas.operations import readiness, revisions, rights
from auditsaas.operations.finding import Finding, fail, ok, warn
from auditsaas.operations.gauges import partition_horizon_days
from auditsaas.operations.kinds import KINDS
from auditsaas.operations.revisions import Standing
from config.settings import Settings

OLDEST_SERVER = 150_000
CLOCK_SKEW = timedelta(seconds=2)
SHORT_HORIZON_DAYS = 35
LONG_WAIT = timedelta(minutes=10)
FAR_BEHIND_BYTES = 64 * 2**20
IDENTITY = text("SELECT system_identifier FROM pg_control_system()")


def as_app(connection: Connection) -> Iterator[Finding]:
    """Check what the role of ``DATABASE_URL`` shows."""
    yield _version(connection)
    yield _standing("app role", "DATABASE_URL", connection)
    yield _log("app role", connection)
    yield _walls(connection)
    if revisions.standing(revisions.of(connection)) is not Standing.NEWER:
        yield _rights(connection)  # a newer version's own are no excess
    yield _ticket(connection)
    yield _migrations(connection)
    yield _clock(connection)
    yield _durability(connection)
    yield _room(connection)


def as_platform(connection: Connection) -> Iterator[Finding]:
    """Check what the role of ``PLATFORM_DATABASE_URL`` shows."""
    yield _standing("platform role", "PLATFORM_DATABASE_URL", connection)
    tables = isolation.writable(connection)
    if tables:
        yield fail(
            "platform role",
            f"may write {', '.join(tables)}",
            f"As the owner: REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {', '.join(tables)}"
            " FROM the role of PLATFORM_DATABASE_URL;",
        )
    else:
        yield ok("platform role", "reads, and writes nothing")
    with platform.bind(Session(connection), JOBS) as session:
        yield _horizon(session)
        yield from _jobs(session)


def as_owner(connection: Connection) -> Iterator[Finding]:
    """Check what the role of ``MIGRATION_DATABASE_URL`` shows."""
    if connection.scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")):
        yield warn(
            "owner role",
            "is a superuser",
            "Make a role that owns the database and is no superuser; docs/deploy.md has the SQL.",
        )
    else:
        yield ok("owner role", "owns the tables and is no superuser")


def as_replica(settings: Settings) -> Callable[[Connection], Iterator[Finding]]:
    """Check what the server of ``REPLICA_DATABASE_URL`` shows, beside that of ``DATABASE_URL``."""

    def look(connection: Connection) -> Iterator[Finding]:
        yield _standing("replica", "REPLICA_DATABASE_URL", connection)
        if not connection.scalar(text("SELECT pg_is_in_recovery()")):
            yield fail(
                "replica",
                "is no replica: it takes writes",
                "Let REPLICA_DATABASE_URL name a streaming standby, or unset it.",
            )
            return
        yield _lag(connection, settings.database_url)

    return look


def _lag(replica: Connection, primary_url: str) -> Finding:
    primary = make_engine(primary_url, poolclass=NullPool)
    with primary.connect() as connection:
        identity = connection.scalar(IDENTITY)
        here = connection.scalar(text("SELECT pg_current_wal_flush_lsn()::text"))
    if replica.scalar(IDENTITY) != identity:
        return fail(
            "replica",
            "is a replica of another database",
            "Let REPLICA_DATABASE_URL name a standby of the server of DATABASE_URL.",
        )
    lag = int(
        replica.scalar(
            text(
                "SELECT greatest(0, CAST(:here AS pg_lsn)"
                " - coalesce(pg_last_wal_replay_lsn(), '0/0'))"
            ),
            {"here": here},
        )
        or 0
    )
    if lag > FAR_BEHIND_BYTES:
        return warn(
            "replica",
            f"is {lag / 2**20:,.0f} MiB behind, so most pages and exports read the primary",
            "See pg_stat_replication on the primary, and what holds the replica up.",
        )
    return ok("replica", f"follows the database, {lag / 1024:,.0f} KiB behind")


def _version(connection: Connection) -> Finding:
    number = int(connection.scalar(text("SHOW server_version_num")) or 0)
    words = f"is version {connection.scalar(text('SHOW server_version'))}"
    if number < OLDEST_SERVER:
        return fail("PostgreSQL", words, "Upgrade it to 15 or newer.")
    return ok("PostgreSQL", words)


def _standing(part: str, setting: str, connection: Connection) -> Finding:
    reason = isolation.above_the_walls(connection)
    if reason:
        return fail(
            part,
            f"{reason}, so it sees the rows of every tenant",
            f"Let {setting} name a role made by: CREATE ROLE … LOGIN NOSUPERUSER NOBYPASSRLS;",
        )
    return ok(part, "stands under row-level security")


def _log(part: str, connection: Connection) -> Finding:
    tables = isolation.editable_log(connection)
    if tables:
        return fail(
            part,
            f"may change or sidestep the log through {', '.join(tables)}",
            "As the owner: REVOKE UPDATE, DELETE, TRUNCATE ON events, and every right on its"
            " partitions, FROM that role;",
        )
    return ok(part, "may only read and append events")


def _walls(connection: Connection) -> Finding:
    tables = isolation.open_tables(connection)
    if not tables:
        return ok("row-level security", "is enabled and forced on every table of tenants")
    remedy = " ".join(
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;"
        f" ALTER TABLE {name} FORCE ROW LEVEL SECURITY;"
        for name in tables
    )
    return fail(
        "row-level security", f"is not forced on {', '.join(tables)}", f"As the owner: {remedy}"
    )


def _ticket(connection: Connection) -> Finding:
    connection.rollback()
    try:
        with tenancy.bind(Scope(user=new_id()), Session(connection)) as session:
            session.scalar(text("SELECT scope_is_proven()"))
    except DBAPIError as error:
        cause = str(error.orig).splitlines()[0]
        return fail(
            "scope",
            f"is refused by the database: {cause}",
            "With this process's SECRET_KEY: auditsaas db upgrade; then compare the clocks.",
        )
    return ok("scope", "of each transaction is signed, and the database knows the key")


def _rights(connection: Connection) -> Finding:
    role = connection.scalars(text("SELECT current_user::text")).one()
    spare = rights.excess(connection, role)
    if spare:
        return warn(
            "rights",
            f"that this version does not use: {', '.join(spare[:3])} and {len(spare) - 3:,} more"
            if len(spare) > 3
            else f"that this version does not use: {', '.join(spare)}",
            "Once no process of the version before runs: auditsaas db tighten",
        )
    return ok("rights", "the app role writes what this version needs, and nothing else")


def _migrations(connection: Connection) -> Finding:
    here = revisions.of(connection)
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


UPGRADE = "Run: auditsaas db upgrade"


def _clock(connection: Connection) -> Finding:
    before = datetime.now(UTC)
    there: datetime = connection.scalars(text("SELECT clock_timestamp()")).one()
    after = datetime.now(UTC)
    skew = max(before - there, there - after, timedelta())
    if skew > CLOCK_SKEW:
        return warn(
            "clock",
            f"differs from the database's by {skew.total_seconds():.1f} s",
            "Let both machines follow the same time server (chrony or systemd-timesyncd).",
        )
    return ok("clock", "agrees with the database's")


def _durability(connection: Connection) -> Finding:
    settings = {
        name: connection.scalar(text(f"SHOW {name}"))
        for name in ("fsync", "synchronous_commit", "full_page_writes")
    }
    off = [name for name, value in settings.items() if value == "off"]
    if off:
        return fail(
            "durability",
            f"{', '.join(off)} is off, so events that were acknowledged can be lost",
            "Set it to on in postgresql.conf and reload the server.",
        )
    return ok("durability", "an acknowledged event is on disk")


def _room(connection: Connection) -> Finding:
    try:
        with connection.begin_nested():
            readiness.write(connection)
    except DBAPIError as error:
        failure = failures.told(error)
        return fail("disk", f"the database cannot write: {failure.title}", failure.remedy)
    return ok("disk", "the database can write")


def _horizon(session: Session) -> Finding:
    days = partition_horizon_days(session, datetime.now(UTC))
    if days < SHORT_HORIZON_DAYS:
        return warn(
            "partitions",
            f"of the log are made for {days:.0f} days ahead",
            f"{UPGRADE}; then see that beat and the maintenance worker run: twice a day they do.",
        )
    return ok("partitions", f"of the log are made for {days:.0f} days ahead")


def _jobs(session: Session) -> Iterator[Finding]:
    for each in backlogs(session, KINDS):
        minutes = each.waited(datetime.now(UTC)).total_seconds() / 60
        failed = f"; {each.failed:,} failed in the last day" if each.failed else ""
        if each.abandoned:
            yield warn(each.kind, f"{each.abandoned:,} were begun, and no worker is at them", SWEEP)
        elif minutes > LONG_WAIT.total_seconds() / 60:
            words = f"the oldest that is not finished was asked for {minutes:.0f} min ago"
            yield warn(each.kind, words, SWEEP)
        else:
            yield ok(each.kind, f"none waits for long{failed}")


SWEEP = "See that beat and the workers run, and what the workers' log says of it."
