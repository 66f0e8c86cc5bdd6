"""What SQL in the web's own connection can take: the scope that was signed for it, and no other."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from flask import Flask
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from auditsaas.db import tenancy, tickets
from auditsaas.db.tenancy import Scope
from auditsaas.operations import rights
from config.secret_keys import SecretKeys
from config.settings import Settings
from tests.support.factories import append_events, event_input, make_member, make_workspace

FORGED = {
    "set": "SET LOCAL auditsaas.workspaces = '{{{other}}}'; SELECT count(*) FROM events",
    "both": "SET LOCAL auditsaas.workspaces = '{{{mine},{other}}}'; SELECT count(*) FROM events",
    "one statement": (
        "WITH a AS MATERIALIZED (SELECT set_config('auditsaas.workspaces', '{{{other}}}', true) v)"
        " SELECT count(*) FROM a, LATERAL (SELECT 1 FROM events WHERE a.v IS NOT NULL) AS e"
    ),
    "person": "SET LOCAL auditsaas.person = '{person}'; SELECT count(*) FROM memberships",
    "old ticket": (
        "SET LOCAL auditsaas.workspaces = '{{{other}}}'; SET LOCAL auditsaas.person = '';"
        " SET LOCAL auditsaas.ticket = '{old}'; SELECT count(*) FROM events"
    ),
    "no ticket": "SET LOCAL auditsaas.ticket = ''; SELECT count(*) FROM events",
    "key": "SELECT * FROM scope_keys",
    "function": (
        "CREATE OR REPLACE FUNCTION scope_is_proven() RETURNS boolean LANGUAGE sql RETURN true"
    ),
    "write": (
        "SET LOCAL auditsaas.workspaces = '{{{other}}}';"
        " UPDATE memberships SET role = 'admin' WHERE workspace_id = '{other}'"
    ),
    "slug": (
        "SET LOCAL auditsaas.workspaces = '{{{other}}}';"
        " UPDATE workspaces SET name = 'x' WHERE id = '{other}'"
    ),
    "insert": (
        "SET LOCAL auditsaas.workspaces = '{{{other}}}'; INSERT INTO memberships"
        " (workspace_id, user_id, role) VALUES ('{other}', '{person}', 'admin')"
    ),
    "retention": (
        "SET LOCAL auditsaas.workspaces = '{{{other}}}';"
        " SELECT set_retention('{other}', NULL, true)"
    ),
}


@pytest.fixture(scope="module")
def names(app: Flask) -> dict[str, str]:
    """Two workspaces with events, an admin of the second, and a ticket of long ago for it."""
    mine, other = make_workspace(), make_workspace()
    for workspace in (mine, other):
        append_events(workspace, [event_input(), event_input()])
    found = {"mine": str(mine.id), "other": str(other.id), "person": str(make_member(other).id)}
    ticket = tickets.ticket(f"{{{other.id}}}", "", time.time() - 600)
    return found | {"old": ticket}


def run(engine: Engine, names: dict[str, str], injected: str) -> object:
    """What SQL gets that runs where the web is bound to the first workspace."""
    scope = Scope.of(make_workspace().id)
    with tenancy.bind(scope, Session(engine)) as session:
        *first, last = injected.format(**names).split("; ")
        for statement in first:
            session.execute(text(statement))
        found = session.connection().execute(text(last))
        return found.scalar() if found.returns_rows else found.rowcount


@pytest.mark.parametrize("injected", FORGED.values(), ids=FORGED)
def test_injected_sql_takes_no_other_scope(
    engine: Engine, names: dict[str, str], injected: str
) -> None:
    with pytest.raises(DBAPIError) as refusal:
        run(engine, names, injected)
    assert isinstance(refusal.value.orig, InsufficientPrivilege)


@pytest.fixture
def without_tickets(owner_engine: Engine, settings: Settings) -> Iterator[None]:
    """The control: the policies of before, which took a transaction's word for its scope."""
    drop = "SELECT format('DROP POLICY %I ON %I', policyname, tablename) FROM pg_policies"
    with owner_engine.begin() as owner:
        for statement in owner.scalars(text(f"{drop} WHERE policyname LIKE 'proven%'")).all():
            owner.exec_driver_sql(statement)
    yield
    role = settings.database_url.partition("://")[2].split(":")[0].split("@")[0]
    with owner_engine.begin() as owner:
        rights.tighten(owner, role)


@pytest.mark.usefixtures("without_tickets")
@pytest.mark.parametrize(("forged", "rows"), [("set", 2), ("both", 4), ("one statement", 2)])
def test_forged_scope_without_tickets_reads_another_log(
    engine: Engine, names: dict[str, str], forged: str, rows: int
) -> None:
    assert run(engine, names, FORGED[forged]) == rows


def test_values_of_a_scope_are_in_no_statement_that_others_see(
    engine: Engine, names: dict[str, str]
) -> None:
    """Sessions of one role see each other's statements in pg_stat_activity."""
    seen = text("SELECT string_agg(query, ' ') FROM pg_stat_activity WHERE usename = current_user")
    with tenancy.bind(Scope.of(make_workspace().id), Session(engine)) as session:
        ticket = session.scalar(text("SELECT current_setting('auditsaas.ticket')"))
        session.execute(text("SELECT 1"))
        with Session(engine) as other:
            assert ticket not in str(other.scalar(seen))


def test_ticket_holds_for_a_transaction_that_runs_for_long(engine: Engine) -> None:
    """It is compared with when the transaction began, and may be renewed within it."""
    workspace = make_workspace()
    append_events(workspace, [event_input()])
    count = text("SELECT count(*) FROM events")
    later = tickets.ticket(f"{{{workspace.id}}}", "", time.time() + 120)
    with tenancy.bind(Scope.of(workspace.id), Session(engine)) as session:
        assert session.scalar(count) == 1
        session.execute(text("SELECT set_config('auditsaas.ticket', :t, true)"), {"t": later})
        assert session.scalar(count) == 1


def test_new_secret_is_taken_by_an_upgrade_and_the_old_one_until_tightened(
    engine: Engine, owner_engine: Engine, settings: Settings
) -> None:
    workspace, secret = make_workspace(), "another secret of the installation, long enough"
    tickets.sign_with(secret)
    try:
        with tenancy.bind(Scope.of(workspace.id), Session(engine)) as session:
            with pytest.raises(DBAPIError, match="is not signed"):
                session.scalar(text("SELECT seq FROM log_heads"))
            session.rollback()
            with owner_engine.begin() as owner:
                rights.keep_keys(owner, SecretKeys(secret))
            assert session.scalar(text("SELECT seq FROM log_heads")) == 0
    finally:
        tickets.sign_with(settings.secret_key)
        with owner_engine.begin() as owner:
            rights.forget_other_keys(owner, settings.secret_keys)
    with tenancy.bind(Scope.of(workspace.id), Session(engine)) as session:
        assert session.scalar(text("SELECT seq FROM log_heads")) == 0
