"""A row of every table there is, and what a role can do to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask
from psycopg.errors import ForeignKeyViolation, InsufficientPrivilege, UniqueViolation
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from auditsaas.accounts import encryption
from auditsaas.accounts.models import SentForm
from auditsaas.mail.models import MailChoice
from tests.support.company import Company
from tests.support.factories import as_owner, scoped

PEOPLES = """
INSERT INTO sessions (id_hash, user_id, created_at, last_seen_at, expires_at)
    VALUES (:mark, :person, now(), now(), now());
INSERT INTO password_resets (token_hash, user_id, created_at, expires_at)
    VALUES (:mark, :person, now(), now());
INSERT INTO recovery_codes (user_id, code_hash) VALUES (:person, :mark);
INSERT INTO passkeys (credential_id, user_id, name, public_key, sign_count, created_at)
    VALUES (:mark, :person, 'key', :mark, 0, now());
INSERT INTO passkey_challenges (session_hash, challenge, expires_at) VALUES (:mark, :mark, now());
INSERT INTO account_outbox (id, kind, address, facts)
    VALUES (gen_random_uuid(), 'refusal', :word, '{}');
INSERT INTO sealed_links (id, sealed) SELECT id, :sealed FROM mails LIMIT 1;
INSERT INTO erasure_keys (id, sealed) VALUES (:workspace, :sealed);
INSERT INTO anchor_secrets (id, sealed) VALUES (:workspace, :sealed);
INSERT INTO witnessed (origin, vkeys, root, added_at) VALUES (:word, '{}', :mark, now());
INSERT INTO witness_keys (id, vkey, sealed, made_at)
    VALUES (gen_random_uuid(), :word, :sealed, now()) ON CONFLICT DO NOTHING;
INSERT INTO setup_links (token_hash, expires_at) VALUES (:mark, now()) ON CONFLICT DO NOTHING;
INSERT INTO attempts (subject, n, began_at) VALUES (:mark, 1, now());
INSERT INTO former_slugs (slug, tenant) VALUES (:word, :workspace);
INSERT INTO platform_accesses (id, user_id, tenant, reason, asked, given_at)
    VALUES (gen_random_uuid(), :person, :workspace, 'case', true, now());
INSERT INTO platform_looks (workspace_id, user_id, hour, kind, query_hash, query, filter, every,
        request, first_at, last_at)
    VALUES (:workspace, :person, now(), 'rows', :mark, '', '', true, '{}', now(), now());
INSERT INTO access_requests (workspace_id, id, user_id, reason)
    VALUES (:workspace, gen_random_uuid(), :person, 'case')
"""
MARKED = {
    "account_outbox": "address = :word",
    "attempts": "subject = :mark",
    "sealed_links": "sealed = :sealed",
    "erasure_keys": "id = :workspace",
    "anchor_secrets": "id = :workspace",
    "passkey_challenges": "session_hash = :mark",
    "users": "id = :person",
    "workspaces": "id = :workspace",
    "alembic_version": "true",
    "scope_keys": "true",
    "setup_links": "true",
    "witnessed": "origin = :word",
    "witness_keys": "vkey = :word",
    "platform_days": "activity = :word",
    "platform_marks": "kind = :word",
}
"""How a row is told from others where no column names its workspace or its person."""
PLACES = {
    "workspace_id": "workspace_id = :workspace",
    "workspace_ids": "workspace_ids = ARRAY[:workspace]",
    "user_id": "user_id = :person",
    "tenant": "tenant = :workspace",
}
OFFERED: dict[str, dict[str, Any]] = {
    "log_heads": {"seq": 0, "removed": 0, "days_counted": 0},
    "pending_changes": {"asked_at": "infinity"},
}
"""Values in place of those of the row that is there, which is not as it was made."""


@dataclass(frozen=True)
class Row:
    """The row of one table, which belongs to a workspace and its admin."""

    table: str
    columns: tuple[str, ...]
    place: str
    values: dict[str, Any]
    mine: dict[str, Any]
    """The parameters of ``place``."""

    def tried(self, connection: Connection) -> str:
        """Return what the connection may do, `siud` for all and `----` for nothing."""
        statements = {
            "s": f"SELECT 1 FROM {self.table} WHERE {self.place}",
            "i": self._insert(self._writable(connection, "INSERT")),
            "u": self._update(self._writable(connection, "UPDATE")),
            "d": f"DELETE FROM {self.table} WHERE {self.place} RETURNING 1",
        }
        return "".join(
            letter if statement and self._does(connection, statement) else "-"
            for letter, statement in statements.items()
        )

    def _writable(self, connection: Connection, command: str) -> list[str]:
        held = text("SELECT has_column_privilege(:table, :column, :command)")
        asked = {"table": self.table, "command": command}
        return [c for c in self.columns if connection.scalar(held, asked | {"column": c})]

    def _insert(self, columns: list[str]) -> str:
        listed = ", ".join(columns)
        row = f"json_populate_record(NULL::{self.table}, CAST(:row AS json))"
        return f"INSERT INTO {self.table} ({listed}) SELECT {listed} FROM {row}" if columns else ""

    def _update(self, columns: list[str]) -> str:
        changes = ", ".join(f"{column} = {column}" for column in columns)
        where = f"WHERE {self.place} RETURNING 1"
        return f"UPDATE {self.table} SET {changes} {where}" if columns else ""

    def _does(self, connection: Connection, statement: str) -> bool:
        given = {"row": json.dumps(self.values | OFFERED.get(self.table, {}))} | self.mine
        with connection.begin_nested() as savepoint:
            try:
                return connection.execute(text(statement), given).rowcount > 0
            except DBAPIError as error:
                # A key that is taken, or needed elsewhere, is looked at after the policies.
                if isinstance(error.orig, UniqueViolation | ForeignKeyViolation):
                    return True
                if not isinstance(error.orig, InsufficientPrivilege):
                    raise
                return False
            finally:
                savepoint.rollback()


def rows_of_everything(app: Flask, owner_engine: Engine) -> tuple[Company, list[Row]]:
    """Make a company with a row in every table; those rows, by name of the table."""
    company = _company(app)
    mine = {
        "workspace": company.workspace.id,
        "person": company.admin.id,
        "mark": company.mark.encode(),
        "word": company.mark,
        "sealed": encryption.seal(app.extensions["settings"].secret_keys, company.mark),
    }
    with as_owner(company.workspace.id, user=company.admin.id) as session:
        connection = session.connection()
        for statement in PEOPLES.split(";\n"):
            connection.execute(text(statement), mine)
        rows = [_row(connection, *table, mine) for table in _tables(connection)]
        session.commit()
    return company, rows


def _company(app: Flask) -> Company:
    company = Company.found(app)
    made: list[Callable[[], object]] = [company.event, company.key, company.invitation]
    made += [company.upload, company.view, company.request_key, company.notification]
    made += [
        company.mail,
        company.mapping,
        company.change,
        company.read,
        company.tree,
        company.words,
        company.columns,
        company.counts_together,
    ]
    for make in (*made, company.contested_event):
        make()
    company.report(company.schedule())
    with scoped(company.workspace.id, user=company.admin.id) as session:
        session.add(MailChoice(user_id=company.admin.id))
        session.add(SentForm(user_id=company.admin.id, key=b"sent"))
        session.commit()
    return company


def _tables(connection: Connection) -> list[tuple[str, list[str]]]:
    found = connection.execute(
        text(
            "SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class AS c"
            " JOIN pg_attribute AS a ON a.attrelid = c.oid"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
            " AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped"
            " GROUP BY c.relname ORDER BY c.relname"
        )
    )
    return [(name, columns) for name, columns in found]


def _row(connection: Connection, table: str, columns: list[str], mine: dict[str, Any]) -> Row:
    place = MARKED.get(table) or next(PLACES[name] for name in PLACES if name in columns)
    found = text(f"SELECT to_json(t) FROM {table} AS t WHERE {place} LIMIT 1")
    values = connection.scalar(found, mine)
    assert values is not None, f"make a row of {table}"
    return Row(table, tuple(columns), place, values, mine)
