"""The second wall: row-level security, whatever a query forgets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.models import actors, event_counts, event_days, events, log_heads
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.factories import append_events, event_input, make_workspace, scoped

TENANT_TABLES = [events, log_heads, event_counts, event_days, actors]


@pytest.fixture
def acme(engine: Engine) -> Workspace:
    workspace = make_workspace()
    append_events(workspace, [event_input() for _ in range(3)])
    return workspace


@pytest.fixture
def one_connection(settings: Settings) -> Iterator[Engine]:
    """A pool of a single connection, so that the next session gets the last one's."""
    made = create_engine(settings.database_url, pool_size=1, max_overflow=0)
    yield made
    made.dispose()


@pytest.fixture
def policies_off(owner_engine: Engine) -> Iterator[None]:
    """The mutant: every table of the tenants without its wall."""
    names = [table.name for table in TENANT_TABLES]
    with owner_engine.begin() as connection:
        for name in names:
            connection.execute(text(f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY"))
    yield
    with owner_engine.begin() as connection:
        for name in names:
            connection.execute(text(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"))


def rows_seen(session: Session) -> list[int]:
    """Count the rows that a query without a workspace sees of each tenant table."""
    counts = [select(func.count()).select_from(table) for table in TENANT_TABLES]
    return [session.scalar(found) or 0 for found in counts]


def nothing_is_seen_outside(acme: Workspace, engine: Engine) -> None:
    with Session(engine) as session:
        assert rows_seen(session) == [0, 0, 0, 0, 0]
    with scoped(make_workspace().id) as session:
        assert rows_seen(session) == [0, 1, 0, 0, 0]  # its own empty log head


def test_a_session_without_a_scope_or_of_another_workspace_sees_no_rows(
    acme: Workspace, engine: Engine
) -> None:
    nothing_is_seen_outside(acme, engine)


@pytest.mark.usefixtures("policies_off")
def test_session_sees_other_rows_with_policies_disabled(acme: Workspace, engine: Engine) -> None:
    with pytest.raises(AssertionError):
        nothing_is_seen_outside(acme, engine)


def test_scope_sees_rows_of_its_workspace(acme: Workspace) -> None:
    with scoped(acme.id) as session:
        assert rows_seen(session) == [3, 1, 1, 1, 1]


def test_a_scope_of_two_workspaces_sees_both(acme: Workspace) -> None:
    other = make_workspace()
    append_events(other, [event_input()])
    with scoped(acme.id, other.id) as session:
        assert rows_seen(session)[0] == 4


def test_the_scope_holds_after_commit_and_rollback_and_in_savepoints(acme: Workspace) -> None:
    with scoped(acme.id) as session:
        session.commit()
        assert rows_seen(session)[0] == 3
        session.rollback()
        with session.begin_nested():
            assert rows_seen(session)[0] == 3


def test_a_new_scope_replaces_the_old_one_within_a_transaction(acme: Workspace) -> None:
    with scoped(acme.id) as session:
        assert rows_seen(session)[0] == 3
        tenancy.bind(Scope(), session)
        assert rows_seen(session)[0] == 0


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_scope_does_not_survive_into_the_next_use_of_a_connection(
    acme: Workspace, one_connection: Engine, end: str
) -> None:
    with tenancy.bind(Scope.of(acme.id), Session(one_connection)) as session:
        assert rows_seen(session)[0] == 3
        getattr(session, end)()
    with Session(one_connection) as session:
        assert rows_seen(session) == [0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE events SET status = 'error'", "DELETE FROM events", "TRUNCATE events"],
)
def test_the_app_role_cannot_change_or_remove_events(acme: Workspace, statement: str) -> None:
    with scoped(acme.id) as session, pytest.raises(ProgrammingError, match="permission denied"):
        session.execute(text(statement))


def test_app_role_cannot_bypass_the_policies_through_a_partition(acme: Workspace) -> None:
    with scoped(acme.id) as session:
        partition = session.scalar(text("SELECT tableoid::regclass::text FROM events LIMIT 1"))
        with pytest.raises(ProgrammingError, match="permission denied"):
            session.execute(text(f"SELECT FROM {partition}"))


def test_an_event_cannot_be_written_into_a_workspace_out_of_scope(acme: Workspace) -> None:
    other = make_workspace()
    with scoped(other.id) as session, pytest.raises(DBAPIError, match="row-level security"):
        session.execute(
            text("INSERT INTO log_heads (workspace_id, seq) VALUES (:id, 0)"), {"id": acme.id}
        )


def test_the_platform_role_reads_what_it_looks_at_and_writes_nothing(
    acme: Workspace, settings: Settings
) -> None:
    platform = create_engine(settings.platform_database_url)
    with Session(platform) as session:
        found = select(func.count()).select_from(events).where(events.c.workspace_id == acme.id)
        assert session.scalar(found) == 0
        session.execute(text("SET LOCAL auditsaas.looked_at = 'all'"))
        assert session.scalar(found) == 3
        with pytest.raises(ProgrammingError, match="permission denied"):
            session.execute(
                text("INSERT INTO log_heads (workspace_id, seq) VALUES (:id, 1)"), {"id": acme.id}
            )
    with Session(platform) as session, pytest.raises(ProgrammingError, match="permission denied"):
        session.execute(text("SELECT password_hash FROM users"))
    platform.dispose()


def test_even_the_owner_of_the_tables_sees_no_rows_without_a_scope(
    acme: Workspace, owner_engine: Engine
) -> None:
    with Session(owner_engine) as session:
        assert rows_seen(session) == [0, 0, 0, 0, 0]
