"""Checks the three roles: what they are, and what they may do."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

from auditsaas.db import isolation
from auditsaas.operations import revisions, rights, walls
from auditsaas.operations.checks.check import Check, Sight, either
from auditsaas.operations.finding import Finding, fail, ok, warn
from auditsaas.operations.revisions import Standing

_POWERS = text(
    """
    SELECT array_remove(ARRAY[
        CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolbypassrls THEN 'BYPASSRLS' END,
        CASE WHEN rolreplication THEN 'REPLICATION' END,
        CASE WHEN rolcreaterole THEN 'CREATEROLE' END, CASE WHEN rolcreatedb THEN 'CREATEDB' END
    ], NULL) FROM pg_roles WHERE rolname = current_user
    """
)
_MEMBER_OF = text(
    "SELECT g.rolname FROM pg_auth_members AS m JOIN pg_roles AS g ON g.oid = m.roleid"
    " JOIN pg_roles AS r ON r.oid = m.member WHERE r.rolname = current_user ORDER BY 1"
)
_CLOSED = "may not use the schema public"
_IN_SCHEMA = text(
    "SELECT has_schema_privilege('public', 'USAGE'), has_schema_privilege('public', 'CREATE')"
)


def _app(sight: Sight) -> Iterator[Finding]:
    yield _standing("app role", "DATABASE_URL", sight.app, sight.roles["app"])
    yield _log("app role", sight.app, sight.roles["app"])


def _platform(sight: Sight) -> Iterator[Finding]:
    role = sight.roles["platform"]
    yield _standing("platform role", "PLATFORM_DATABASE_URL", sight.platform, role)
    tables = isolation.writable(sight.platform)
    if tables:
        yield fail(
            "platform role",
            f"may write {', '.join(tables)}",
            f"As the owner: REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {', '.join(tables)}"
            f' FROM "{role}", PUBLIC;',
        )
    else:
        yield ok("platform role", "reads, and writes nothing")
    yield _log("platform role", sight.platform, role)


def _standing(part: str, setting: str, connection: Connection, role: str) -> Finding:
    powers = connection.scalars(_POWERS).one()
    if powers:
        taken = " ".join(f"NO{power}" for power in powers)
        return fail(
            part,
            f"has {', '.join(powers)}, so it can see the rows of every tenant",
            f'As a superuser: ALTER ROLE "{role}" {taken};',
        )
    groups = list(connection.scalars(_MEMBER_OF))
    if groups:
        taken = " ".join(f'REVOKE "{group}" FROM "{role}";' for group in groups)
        return fail(
            part,
            f"is a member of {', '.join(groups)}, and may do what they may",
            f"As an administrator: {taken}",
        )
    reason = isolation.above_the_walls(connection)
    if reason:
        return fail(
            part,
            f"{reason}, so it sees the rows of every tenant",
            f"Let {setting} name a role made by: CREATE ROLE … LOGIN NOSUPERUSER NOBYPASSRLS;",
        )
    return ok(part, "stands under row-level security")


def _log(part: str, connection: Connection, role: str) -> Finding:
    tables = isolation.editable_log(connection)
    if tables:
        taken = " ".join(
            f"REVOKE {'UPDATE, DELETE, TRUNCATE' if name == 'events' else 'ALL'} ON {name}"
            f' FROM "{role}", PUBLIC;'
            for name in tables
        )
        return fail(
            part,
            f"may change or sidestep the log through {', '.join(tables)}",
            f"As the owner: {taken}",
        )
    return ok(part, "reaches events through the log alone, and changes none")


def _owner(sight: Sight) -> Finding:
    if sight.owner is None:
        return ok(
            "owner role", "is not known to this process, as it should be where people are served"
        )
    role, superuser = sight.owner.execute(
        text("SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user")
    ).one()
    if superuser:
        return warn(
            "owner role",
            f"{role} is a superuser",
            "Make a role that owns the database and is no superuser; docs/deploy.md has the SQL.",
        )
    return ok("owner role", "owns the tables and is no superuser")


def _grants(sight: Sight) -> Iterator[Finding]:
    """Compare what the roles may do with what this version gives them."""
    of_schema = [*_schema("app", sight.app, sight), *_schema("platform", sight.platform, sight)]
    yield from of_schema
    if any(_CLOSED in each.words for each in of_schema):
        return  # no table is seen then
    if revisions.standing(revisions.of(sight.app)) is not Standing.SAME:
        return  # another version's own are no difference
    differences = list(walls.table_rights(sight.app, sight.roles))
    for each in differences:
        yield fail("grants", each.words, each.remedy)
    if not differences and not of_schema:
        yield ok("grants", "each role may do what it needs in every table, and nothing else")


def _schema(part: str, connection: Connection, sight: Sight) -> Iterator[Finding]:
    uses, creates = connection.execute(_IN_SCHEMA).one()
    role = sight.roles[part]
    if not uses:
        cure = f'GRANT USAGE ON SCHEMA public TO "{role}";'
        yield fail("grants", f"{role} {_CLOSED}", f"As an administrator: {cure}")
    if creates:
        cure = f'REVOKE CREATE ON SCHEMA public FROM "{role}", PUBLIC;'
        yield fail("grants", f"{role} may make tables", f"As an administrator: {cure}")


def _rights(sight: Sight) -> Iterator[Finding]:
    if revisions.standing(revisions.of(sight.app)) is Standing.NEWER:
        return  # a newer version's own are no excess
    spare = rights.excess(sight.app, sight.roles["app"])
    if not spare:
        yield ok("rights", "the app role writes what this version needs, and nothing else")
        return
    more = f" and {len(spare) - 3:,} more" if len(spare) > 3 else ""
    yield warn(
        "rights",
        f"that this version does not use: {', '.join(spare[:3])}{more}",
        "Once no process of the version before runs: auditsaas db tighten",
    )


CHECKS = (
    Check("app-role", _app),
    Check("platform-role", _platform),
    either("owner-role", _owner),
    Check("grants", _grants),
    Check("rights", _rights),
)
