"""Grants the app role what this version writes, and takes from it what only the one before wrote.

The version before runs on the new schema, so an upgrade only gives. ``auditsaas db tighten`` takes,
once no process of that version is left; a new database is tight from the start and stays so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from auditsaas.db import proven_scopes, tickets
from auditsaas.db.proven_scopes import WALLED
from auditsaas.events.writing import sql as appending
from auditsaas.operations import platform_sight
from config.secret_keys import SecretKeys

INSERT, UPDATE = "INSERT", "UPDATE"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The columns of a table that the app role writes."""

    inserted: bool = True
    not_inserted: frozenset[str] = frozenset()
    not_updated: frozenset[str] = frozenset()
    only_updated: frozenset[str] | None = None
    """The only ones that are updated, where they are few."""

    def allows(self, command: str, column: str) -> bool:
        if command == INSERT:
            return self.inserted and column not in self.not_inserted
        if self.only_updated is not None:
            return column in self.only_updated
        return column not in self.not_updated


def _fixed(*columns: str) -> Limits:
    return Limits(not_updated=frozenset(columns))


def _only(*columns: str, inserted: bool = True) -> Limits:
    return Limits(only_updated=frozenset(columns), inserted=inserted)


OWNED: Final = ("workspace_id", "id", "created_at")
APPENDED: Final = _only(inserted=False)
"""Written by the functions of an append, and by nothing else."""

LIMITS: Final = {
    "users": Limits(
        not_inserted=frozenset({"is_super_admin"}),
        not_updated=frozenset({"id", "email", "is_super_admin", "disabled_at", "created_at"}),
    ),
    "workspaces": _fixed("id", "created_at", "retention_days", "legal_hold", "quotas"),
    "memberships": _only("role", "disabled_at", "admin_since"),
    "sessions": _fixed("id_hash", "user_id", "created_at"),
    "passkeys": _only("name", "sign_count", "last_used_at"),
    "api_keys": _fixed(*OWNED, "public_id", "secret_hash", "scopes", "created_by"),
    "invitations": _fixed(*OWNED, "email", "role", "invited_by"),
    "events": APPENDED,
    "event_counts": APPENDED,
    "event_days": APPENDED,
    "actor_emails": APPENDED,
    "actor_names": APPENDED,
    "actors": _only("role", "status", "source", "as_of", inserted=False),
    "log_heads": _only("redacted_keys"),
    "log_reads": _only("pages", "rows", "parts", "opened", "addresses", "last_at"),
    "pending_changes": _fixed(
        *(*OWNED, "kind", "subject", "wanted", "words", "removes"),
        *("asked_by", "asked_at", "needs_second"),
    ),
    "exports": _fixed(
        *("id", "workspace_ids", "requested_by", "requested_by_key", "through_platform"),
        *("query", "starts_at", "ends_at", "since", "snapshot", "created_at"),
        *("proof", "proof_user"),
    ),
    "imports": _fixed(*OWNED, "requested_by"),
    "mails": _fixed("id", "user_id", "address", "tenant", "created_at"),
    "notifications": _only("read_at", "announced_at"),
    "saved_views": _fixed(*OWNED, "user_id"),
    "tree_heads": _fixed("workspace_id", "pruned_to", "closed"),
    "tree_leaves": _only("preimages", "seeds", "locators"),
    "tree_tiles": _only("hashes"),
    "checkpoints": _only("kept"),
    "tree_keys": _only("sealed", "retired_at"),
    "seals_seen": _only("size", "root", "at"),
    "erasures": _only(inserted=False),
    "tree_checks": _fixed("workspace_id", "id", "kind", "asked_by", "created_at"),
    "tree_findings": _only(
        *("last_at", "times", "told_at", "admins_told"),
        *("acknowledged_at", "acknowledged_by", "reason"),
    ),
    "erasure_requests": _only(),
    "erasure_keys": _only(),
    "anchor_places": _only(
        *("last_size", "last_at", "last_error", "failing_since", "attempts", "next_try_at"),
        "removed_at",
    ),
    "anchors": _only(),
    "anchor_secrets": _only(),
    "removals": _only(inserted=False),
    **dict.fromkeys(
        ("platform_days", "platform_heads", "platform_marks", "platform_totals"),
        _only(inserted=False),
    ),
    "event_words": _only(inserted=False),
    "word_heads": _only(inserted=False),
    "event_columns": _only(inserted=False),
    "column_heads": _only(inserted=False),
    "witnesses": _only(
        *("last_size", "last_at", "last_error", "failing_since", "attempts", "next_try_at"),
        "removed_at",
    ),
    "cosignatures": _only("line", "at"),
    "known_heads": _only("size", "root", "note", "at"),
    "witnessed": _only("size", "root", "note", "at", inserted=False),
    "witness_keys": _only(inserted=False),
    "schedules": _fixed(*OWNED),
    "schedule_runs": _fixed(*OWNED, "schedule_id", "due_at"),
}
"""What the app role does not write, by table; a column that is not named here it may."""

_COLUMNS = text(
    """
    SELECT c.relname, a.attname, has_column_privilege(:role, c.oid, a.attnum, 'INSERT'),
        has_column_privilege(:role, c.oid, a.attnum, 'UPDATE')
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (:tables)
    AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum
    """
)
_UNWALLED = text(
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    " AND relname = ANY (:tables) AND NOT (relrowsecurity AND relforcerowsecurity)"
)
_APPENDS = text(
    "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    " AND starts_with(proname, :prefix) ORDER BY 1"
)


_UNPROVEN = text(
    """
    SELECT c.relname FROM pg_class AS c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relrowsecurity AND NOT EXISTS (
        SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polname LIKE 'proven%')
    AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') ORDER BY 1
    """
)
_KEEP_KEY = text(
    "INSERT INTO scope_keys (inner_pad, outer_pad) VALUES (:inner, :outer) ON CONFLICT DO NOTHING"
)
_FORGET_KEYS = text("DELETE FROM scope_keys WHERE inner_pad <> ALL (:known)")


def keep_keys(connection: Connection, keys: SecretKeys) -> None:
    """Let the database know tickets that are signed by these secrets, beside those of others."""
    for key in keys:
        inner, outer = tickets.pads(tickets.key_of(key))
        connection.execute(_KEEP_KEY, {"inner": inner, "outer": outer})


def forget_other_keys(connection: Connection, keys: SecretKeys) -> None:
    """Refuse tickets by any secret that was in use before."""
    connection.execute(_FORGET_KEYS, {"known": [tickets.inner_pad(key) for key in keys]})


def install_functions(connection: Connection, app: str) -> None:
    """Make the functions of this version's append, beside those of others."""
    for signature, made in appending.FUNCTIONS.items():
        connection.exec_driver_sql(made)
        connection.exec_driver_sql(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        connection.exec_driver_sql(f'GRANT EXECUTE ON FUNCTION {signature} TO "{app}"')


def grant(connection: Connection, app: str) -> None:
    """Give the app role the columns it writes: also those that are new in a tight table."""
    wanted = _grouped(column for column in _columns(connection, app) if column.wanted)
    for (table, command), names in wanted.items():
        connection.exec_driver_sql(grant_of(table, command, names, app))


def lacking(connection: Connection, app: str) -> Mapping[tuple[str, str], list[str]]:
    """List the columns that the app role writes and may not, by table and command."""
    columns = _columns(connection, app)
    return _grouped(each for each in columns if each.wanted and not each.held)


def grant_of(table: str, command: str, columns: Sequence[str], app: str) -> str:
    """Write the statement that lets the app role write these columns."""
    return f'GRANT {command} ({", ".join(columns)}) ON {table} TO "{app}"'


def tighten(connection: Connection, app: str) -> None:
    """Take from the roles all that this version does not use; in one transaction."""
    connection.exec_driver_sql("SET LOCAL lock_timeout = '3s'")
    for table in LIMITS:
        # A right to the whole table goes together with those to its columns.
        connection.exec_driver_sql(f'REVOKE INSERT, UPDATE ON {table} FROM "{app}"')
    grant(connection, app)
    for table in connection.scalars(_UNWALLED, {"tables": [*WALLED]}).all():
        connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        connection.exec_driver_sql(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    platform_sight.narrow(connection)
    for table in connection.scalars(_UNPROVEN).all():
        for statement in proven_scopes.policies(connection, table, app):
            connection.exec_driver_sql(statement)
    for signature in _appends(connection):
        if signature not in appending.FUNCTIONS:
            connection.exec_driver_sql(f"DROP FUNCTION {signature}")


def excess(connection: Connection, app: str) -> list[str]:
    """List what the roles could do and this version does not; empty where it is tight."""
    columns = [each for each in _columns(connection, app) if each.held and not each.wanted]
    unwalled = connection.scalars(_UNWALLED, {"tables": [*WALLED]})
    return [
        *(f"{each.command} of {each.table}.{each.name}" for each in columns),
        *(f"writing to {table} without policies" for table in unwalled),
        *(f"a look at all of {table}" for table in platform_sight.wide(connection)),
        *(f"rows of {table} without a ticket" for table in connection.scalars(_UNPROVEN)),
    ]


@dataclass(frozen=True)
class _Column:
    table: str
    name: str
    command: str
    held: bool
    """Whether the app role may write it now."""

    @property
    def wanted(self) -> bool:
        return LIMITS[self.table].allows(self.command, self.name)


def _columns(connection: Connection, app: str) -> Iterator[_Column]:
    found = connection.execute(_COLUMNS, {"tables": list(LIMITS), "role": app}).all()
    for table, name, inserted, updated in found:
        yield _Column(table, name, INSERT, inserted)
        yield _Column(table, name, UPDATE, updated)


def _grouped(columns: Iterable[_Column]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for column in columns:
        found.setdefault((column.table, column.command), []).append(column.name)
    return found


def _appends(connection: Connection) -> Sequence[str]:
    return connection.scalars(_APPENDS, {"prefix": appending.PREFIX}).all()
