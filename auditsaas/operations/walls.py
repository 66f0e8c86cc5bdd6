"""Compares policies, rights and functions of a database with those that the migrations make.

``migrations/walls.json`` is what a new, tight database has, in PostgreSQL's own words;
``make walls`` writes it. A difference comes with the SQL by which the tables' owner ends it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, text

from auditsaas.events.writing import sql as appending
from auditsaas.operations import platform_sight, revisions, rights

KEPT: Final = revisions.MIGRATIONS / "walls.json"
APP, PLATFORM = "app", "platform"
PUBLIC: Final = "public"
OF_THE_SERVER: Final = frozenset({"fold_text(text)"})
"""Functions that a migration writes by what the server knows of letters."""

_POLICIES = text(
    "SELECT tablename, policyname, permissive, cmd, roles::text[] AS roles, qual, with_check"
    " FROM pg_policies WHERE schemaname = 'public' ORDER BY 1, 2"
)
_OWN = """
    n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^(pg_|citus)'
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = {}.oid AND d.deptype = 'e')
"""
_TABLE_RIGHTS = text(
    f"""
    SELECT c.oid::regclass::text AS name, given.role, array(
        SELECT right_to FROM unnest(
            '{{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}}'::text[]) AS right_to
        WHERE has_table_privilege(given.role, c.oid, right_to)
    ) AS held, array(
        SELECT right_to || ' (' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname)
            || ')'
        FROM unnest('{{SELECT,INSERT,UPDATE,REFERENCES}}'::text[]) AS right_to
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE NOT has_table_privilege(given.role, c.oid, right_to)
        AND has_column_privilege(given.role, c.oid, a.attnum, right_to) GROUP BY right_to
    ) AS held_partly
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN unnest(CAST(:roles AS text[])) AS given(role)
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND {_OWN.format("c")}
    ORDER BY 1, 2
    """  # noqa: S608  # joins two constants
)
_FUNCTIONS = text(
    f"""
    SELECT p.oid::regprocedure::text AS signature, pg_get_functiondef(p.oid) AS definition, array(
        SELECT given.role FROM unnest(CAST(:roles AS text[])) AS given(role)
        WHERE has_function_privilege(given.role, p.oid, 'EXECUTE')) AS callers
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE p.prokind = 'f' AND NOT starts_with(p.proname, :appends) AND {_OWN.format("p")}
    ORDER BY 1
    """  # noqa: S608  # joins two constants
)
_APPENDS = text(
    "SELECT p.oid::regprocedure::text, p.prosrc, p.prosecdef FROM pg_proc AS p"
    " WHERE p.pronamespace = 'public'::regnamespace AND starts_with(p.proname, :prefix)"
)
_UNPROVEN = text(
    "SELECT count(*) FROM pg_policies WHERE schemaname = 'public' AND policyname LIKE 'proven%'"
)


@dataclass(frozen=True)
class Difference:
    """One place where the database differs, in words, and the SQL that ends it."""

    words: str
    cure: str
    who: str = "the owner"

    @property
    def remedy(self) -> str:
        return f"As {self.who}: {self.cure}"


ADMINISTRATOR: Final = "an administrator"
"""Who may change what the owner of the tables did not make."""


@dataclass(frozen=True)
class Walls:
    """Policies by table and name, rights by role and table, functions by signature."""

    policies: Mapping[str, Mapping[str, Any]]
    rights: Mapping[str, Mapping[str, list[str]]]
    functions: Mapping[str, Mapping[str, Any]]


def kept() -> Walls:
    """Read what the migrations make."""
    return Walls(**json.loads(KEPT.read_text()))


def read(connection: Connection, roles: Mapping[str, str]) -> Walls:
    """Read what the database has; ``roles`` are the names of the two roles, by their part."""
    parts = {name: part for part, name in roles.items()}
    names = [*roles.values()]
    policies: dict[str, dict[str, Any]] = {}
    for row in connection.execute(_POLICIES):
        policies.setdefault(row.tablename, {})[row.policyname] = {
            "kind": row.permissive,
            "command": row.cmd,
            "roles": sorted(parts.get(role, role) for role in row.roles),
            "using": _line(row.qual),
            "check": _line(row.with_check),
        }
    held: dict[str, dict[str, list[str]]] = {part: {} for part in roles}
    for row in connection.execute(_TABLE_RIGHTS, {"roles": names}):
        part = parts[row.role]
        held[part][row.name] = _besides_columns(part, row.name, [*row.held, *row.held_partly])
    functions = {
        row.signature: {
            "definition": row.definition.strip() if row.signature not in OF_THE_SERVER else None,
            "callers": sorted(parts[role] for role in row.callers),
        }
        for row in connection.execute(_FUNCTIONS, {"roles": names, "appends": appending.PREFIX})
    }
    return Walls(policies, held, functions)


def policies(connection: Connection, roles: Mapping[str, str]) -> Iterator[Difference]:
    """Compare the text of every policy; what an upgrade leaves to ``db tighten`` is no difference.

    Until then no table asks for a ticket, and the platform role sees every row.
    """
    wanted, found = kept().policies, read(connection, roles).policies
    loose = not connection.scalar(_UNPROVEN)
    wide = {*platform_sight.wide(connection)}
    all_wide = wide == {*platform_sight.CONDITIONS}
    for table in sorted({*wanted, *found}):
        for name in sorted({*wanted.get(table, {}), *found.get(table, {})}):
            left = (loose and name.startswith("proven")) or (
                all_wide and name == PLATFORM and table in wide
            )
            here, there = wanted.get(table, {}).get(name), found.get(table, {}).get(name)
            if not left and here != there:
                yield _of_policy(table, name, here, there, roles)


def _of_policy(
    table: str, name: str, wanted: Any, found: Any, roles: Mapping[str, str]
) -> Difference:
    drop = f'DROP POLICY "{name}" ON {table};'
    if wanted is None:
        return Difference(f"{name} on {table} is none of this version's", drop)
    create = _creation(table, name, wanted, roles)
    if found is None:
        return Difference(f"{name} on {table} is missing", create)
    return Difference(f"{name} on {table} was changed", f"BEGIN; {drop} {create} COMMIT;")


def _creation(table: str, name: str, policy: Mapping[str, Any], roles: Mapping[str, str]) -> str:
    to = ", ".join("PUBLIC" if each == PUBLIC else f'"{roles[each]}"' for each in policy["roles"])
    using = f" USING ({policy['using']})" if policy["using"] else ""
    check = f" WITH CHECK ({policy['check']})" if policy["check"] else ""
    return (
        f'CREATE POLICY "{name}" ON {table} AS {policy["kind"]} FOR {policy["command"]}'
        f" TO {to}{using}{check};"
    )


def table_rights(connection: Connection, roles: Mapping[str, str]) -> Iterator[Difference]:
    """Compare what each role may do with each table.

    What the app role inserts and updates is told by ``rights``, by its columns.
    """
    wanted, found = kept().rights, read(connection, roles).rights
    for part, role in roles.items():
        for table in sorted({*wanted[part], *found[part]}):
            here, there = (_by_command(of[part].get(table, [])) for of in (wanted, found))
            if table not in found[part]:
                continue  # a table that is missing is the migrations' matter
            if here != there:
                who = "the owner" if table in wanted[part] else ADMINISTRATOR
                yield replace(_of_rights(role, table, here, there), who=who)
    lacking = rights.lacking(connection, roles[APP])
    for (table, command), columns in lacking.items():
        words = f"{roles[APP]} lacks {command} of {table} ({', '.join(columns)})"
        yield Difference(words, rights.grant_of(table, command, columns, roles[APP]) + ";")


def _besides_columns(part: str, table: str, held: list[str]) -> list[str]:
    """Leave out what ``rights`` knows by its columns."""
    if part != APP or table not in rights.LIMITS:
        return held
    return [each for each in held if each.partition(" ")[0] not in (rights.INSERT, rights.UPDATE)]


def _by_command(held: list[str]) -> dict[str, str]:
    """Return what is held by command: ``SELECT``, or ``SELECT (id, name)``."""
    return {each.partition(" ")[0]: each for each in held}


def _of_rights(
    role: str, table: str, wanted: Mapping[str, str], found: Mapping[str, str]
) -> Difference:
    differing = [c for c in {**wanted, **found} if wanted.get(c) != found.get(c)]
    more = [found[c] for c in differing if c in found]
    less = [wanted[c] for c in differing if c in wanted]
    words = " and ".join(
        f"{verb} {', '.join(which)}" for verb, which in (("has", more), ("lacks", less)) if which
    )
    cure = []
    if more:
        commands = ", ".join(c for c in differing if c in found)
        cure.append(f'REVOKE {commands} ON {table} FROM "{role}", PUBLIC;')
    if less:
        cure.append(f'GRANT {", ".join(less)} ON {table} TO "{role}";')
    return Difference(f"{role} {words} on {table}", " ".join(cure))


def functions(connection: Connection, roles: Mapping[str, str]) -> Iterator[Difference]:
    """Compare the functions that policies and appends rest on, and who may call them."""
    wanted, found = kept().functions, read(connection, roles).functions
    for signature, there in found.items():
        here = wanted.get(signature)
        if here is None and there["callers"]:
            words = f"{signature} is none of this version's, and may be called"
            yield Difference(words, _revoked(signature, roles), ADMINISTRATOR)
    for signature, here in wanted.items():
        there = found.get(signature, {"definition": "", "callers": []})
        if _line(there["definition"]) != _line(here["definition"]):
            change = "was changed" if there["definition"] else "is missing"
            yield Difference(f"{signature} {change}", f"{here['definition']};")
        if there["callers"] != here["callers"]:
            granted = ", ".join(f'"{roles[part]}"' for part in here["callers"])
            grant = f" GRANT EXECUTE ON FUNCTION {signature} TO {granted};" if granted else ""
            words = f"{signature} may be called by {_named(there['callers'], roles)}"
            yield Difference(words, _revoked(signature, roles) + grant)


def appends(connection: Connection) -> list[str]:
    """List this version's functions of appending that are missing or changed."""
    found = {
        signature: (source, definer)
        for signature, source, definer in connection.execute(_APPENDS, {"prefix": appending.PREFIX})
    }
    return [
        signature
        for signature, made in appending.FUNCTIONS.items()
        if found.get(signature) != (made.split("$$")[1], True)
    ]


def _revoked(signature: str, roles: Mapping[str, str]) -> str:
    from_roles = ", ".join(f'"{role}"' for role in roles.values())
    return f"REVOKE ALL ON FUNCTION {signature} FROM {from_roles}, PUBLIC;"


def _named(parts: list[str], roles: Mapping[str, str]) -> str:
    return " and ".join(roles[part] for part in parts) or "none of the roles"


def _line(words: str | None) -> str | None:
    return " ".join(words.split()) if words else None
