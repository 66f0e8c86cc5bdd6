"""The wall of the platform role: it sees what its transaction has noted, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from auditsaas.db.platform import JOBS, NOTHING, Look, platform_session
from tests.support.company import Company
from tests.support.factories import make_workspace

ROOT = Path(__file__).resolve().parents[2]

OPEN = {
    "workspaces": "names and settings, from which a super-admin chooses; nothing of what is in one",
    "users": "accounts of the installation, whose passwords the role may not read",
}
"""Tables that the role reads without a look, and why."""

HANDED_TO_WORKERS = {"exports", "imports", "mails", "schedules", "schedule_runs"}
HANDED_TO_WORKERS |= {
    "erasure_requests",
    "pending_changes",
    "platform_looks",
    "log_reads",
    "access_requests",
}
HANDED_TO_WORKERS |= {
    "anchor_places",
    "witnesses",
    "tree_heads",
    "word_heads",
    "column_heads",
    "log_heads",
    "tree_checks",
    "tree_findings",
}

TOGETHER = {"platform_days", "platform_marks"}
"""Counts of all workspaces together, which a look at one of them does not show."""

LOG_AND_HANDED = {"exports", "log_heads", "word_heads", "column_heads"}
"""Tables of which workers are handed rows, and which belong to the log that a look is at."""


@pytest.fixture(scope="module")
def acme(app: Flask) -> Company:
    """With a row in every table that the platform role may read."""
    company = Company.found(app)
    for make in (company.event, company.key, company.upload, company.mail):
        make()
    company.report(company.schedule())
    company.look()
    company.read()
    company.contested_event()
    company.change()
    company.request()
    company.tree()
    company.words()
    company.columns()
    company.counts_together()
    return company


@pytest.fixture(scope="module")
def columns(owner_engine: Engine, settings: object) -> dict[str, str]:
    """Every table that the platform role may read, with a column that it may."""
    with owner_engine.connect() as connection:
        role = connection.scalar(
            text("SELECT roles[1]::text FROM pg_policies WHERE policyname = 'platform' LIMIT 1")
        )
        found = connection.execute(
            text(
                "SELECT table_name, min(column_name) FROM information_schema.column_privileges"
                " WHERE grantee = :role AND privilege_type = 'SELECT' GROUP BY table_name"
            ),
            {"role": role},
        )
        return {row[0]: row[1] for row in found}


@pytest.fixture
def seen(app: Flask, columns: dict[str, str]) -> Callable[[Look], set[str]]:
    """The tables of which a look sees any row."""

    def tables(look: Look) -> set[str]:
        with app.app_context(), platform_session(look) as session:
            return rows_seen(session, columns)

    return tables


def rows_seen(session: Session | Connection, columns: dict[str, str]) -> set[str]:
    return {
        table
        for table, column in columns.items()
        if session.execute(text(f"SELECT {column} FROM {table} LIMIT 1")).first()  # catalogue
    }


@pytest.mark.usefixtures("acme")
def test_session_without_a_look_sees_only_the_open_tables(
    seen: Callable[[Look], set[str]],
) -> None:
    assert seen(NOTHING) == OPEN.keys()


def test_look_sees_the_log_of_its_workspace_and_no_other(
    acme: Company, app: Flask, seen: Callable[[Look], set[str]], columns: dict[str, str]
) -> None:
    log = columns.keys() - (HANDED_TO_WORKERS - LOG_AND_HANDED) - TOGETHER
    assert seen(Look.at(acme.workspace.id)) == log
    assert seen(Look.at(make_workspace().id)) == OPEN.keys() | {"log_heads"}  # its own, empty
    with app.app_context(), platform_session(Look.at(acme.workspace.id)) as session:
        ids = text("SELECT DISTINCT workspace_id FROM events")
        assert set(session.scalars(ids)) == {acme.workspace.id}


@pytest.mark.usefixtures("acme")
def test_look_of_workers_sees_their_jobs_and_no_log(seen: Callable[[Look], set[str]]) -> None:
    assert seen(JOBS) == OPEN.keys() | HANDED_TO_WORKERS


@pytest.mark.usefixtures("acme")
def test_look_at_every_workspace_sees_every_log_and_leaves_out_the_closed(
    acme: Company, app: Flask, seen: Callable[[Look], set[str]], columns: dict[str, str]
) -> None:
    assert seen(Look(every=True)) == columns.keys() - (HANDED_TO_WORKERS - LOG_AND_HANDED)
    closed = Look(every=True, closed=frozenset({acme.workspace.id}))
    found = text("SELECT count(*) FROM events WHERE workspace_id = :id")
    for look, sees in ((Look(every=True), True), (closed, False)):
        with app.app_context(), platform_session(look) as session:
            assert bool(session.scalar(found, {"id": acme.workspace.id})) is sees
            exports = text("SELECT count(*) FROM exports WHERE :id = ANY (workspace_ids)")
            assert bool(session.scalar(exports, {"id": acme.workspace.id})) is sees


def test_no_policy_of_the_role_lets_every_row_through(owner_engine: Engine) -> None:
    with owner_engine.connect() as connection:
        found = text(
            "SELECT tablename FROM pg_policies WHERE policyname = 'platform' AND qual = 'true'"
        )
        assert list(connection.scalars(found)) == []


def test_look_ends_with_its_transaction(acme: Company, app: Flask, columns: dict[str, str]) -> None:
    with app.app_context(), platform_session(Look.at(acme.workspace.id)) as session:
        assert "events" in rows_seen(session, columns)
        del session.info["look"]  # so that the next transaction says nothing
        session.commit()
        assert rows_seen(session, columns) == OPEN.keys()


@pytest.fixture
def policies_open(owner_engine: Engine) -> Iterator[None]:
    """The mutant: the role's policies as they were, which let every row through."""
    kept = text("SELECT tablename, qual FROM pg_policies WHERE policyname = 'platform'")
    with owner_engine.begin() as connection:
        policies = connection.execute(kept).all()
        for table, _ in policies:
            connection.execute(text(f"ALTER POLICY platform ON {table} USING (true)"))
    yield
    with owner_engine.begin() as connection:
        for table, condition in policies:
            connection.execute(text(f"ALTER POLICY platform ON {table} USING ({condition})"))


@pytest.mark.usefixtures("acme", "policies_open")
def test_open_policies_show_every_table_to_a_session_without_a_look(
    seen: Callable[[Look], set[str]], columns: dict[str, str]
) -> None:
    """The control: only the policies held the rows back."""
    assert seen(NOTHING) == columns.keys()


def test_note_is_kept_before_the_first_statement_and_only_once(app: Flask) -> None:
    noted: list[str] = []
    with app.app_context():
        session = platform_session(NOTHING, lambda: noted.append("noted"))
        assert noted == []
        for _ in range(2):
            session.execute(text("SELECT 1"))
            session.commit()
        session.close()
    assert noted == ["noted"]


def test_look_that_cannot_be_noted_reads_nothing(acme: Company, app: Flask) -> None:
    def refuse() -> None:
        raise RuntimeError("no room")

    with app.app_context(), platform_session(Look.at(acme.workspace.id), refuse) as session:
        read = text("SELECT count(*) FROM events")
        with pytest.raises(RuntimeError):
            session.execute(read)


def importers(name: str) -> set[str]:
    """The modules of the product that take a name of ``db.platform``."""
    found = set()
    for folder in ("auditsaas", "tasks"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module == "auditsaas.db.platform":
                    found |= {str(path.relative_to(ROOT)) for n in node.names if n.name == name}
    return found


def test_only_the_guard_and_the_builder_of_exports_may_look_into_workspaces() -> None:
    assert importers("Look") == {
        "auditsaas/access/looking.py",
        "auditsaas/access/platform_guard.py",
        "auditsaas/exports/building/reader.py",
    }


def test_pages_of_tenants_do_not_read_as_workers_do() -> None:
    folders = {path.rpartition("/")[0] for path in importers("JOBS")}
    assert folders == {
        "auditsaas/commands",
        "auditsaas/commands/seals",
        "auditsaas/events",
        "auditsaas/jobs",
        "auditsaas/operations",
        "auditsaas/operations/checks",
        "auditsaas/operations/verification",
        "auditsaas/pages/superadmin",
        "tasks",
    }
