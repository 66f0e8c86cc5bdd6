"""The second wall, on every table behind it: what a query that names no workspace sees."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from auditsaas.accounts.models import SentForm
from auditsaas.db import tenancy
from auditsaas.db.proven_scopes import WALLED
from auditsaas.db.tenancy import Scope
from auditsaas.mail.models import MailChoice
from tests.support.company import Company
from tests.support.factories import make_user, make_workspace, scoped

PLATFORMS = ("platform_days", "platform_heads", "platform_marks", "platform_totals")
"""Tables that the web's own role has no right to at all."""


@pytest.fixture(scope="module")
def acme(app: Flask) -> Company:
    """With a row in every table of the tenants."""
    company = Company.found(app)
    for make in (company.event, company.key, company.invitation, company.upload, company.view):
        make()
    company.change()
    company.report(company.schedule())
    company.request_key()
    company.read()
    company.contested_event()
    company.notification()
    company.mail()
    company.mapping()
    company.look()
    company.request()
    company.tree()
    company.words()
    company.columns()
    with scoped(company.workspace.id, user=company.admin.id) as session:
        session.add(MailChoice(user_id=company.admin.id))
        session.add(SentForm(user_id=company.admin.id, key=b"sent"))
        session.commit()
    return company


@pytest.fixture(scope="module")
def walled(owner_engine: Engine) -> list[str]:
    """Every table whose rows only some may read."""
    with owner_engine.connect() as connection:
        secured = connection.scalars(
            text(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                " AND relkind IN ('r', 'p') AND NOT relispartition AND relrowsecurity"
                " ORDER BY relname"
            )
        )
        return [name for name in secured if name not in WALLED and name not in PLATFORMS]


def seen(connection: Connection, tables: list[str]) -> dict[str, int]:
    """The tables that a query without any condition gets rows of, and how many."""
    counts = {
        name: connection.scalar(text(f"SELECT count(*) FROM {name}"))  # catalogue
        for name in tables
    }
    return {name: count for name, count in counts.items() if count}


@pytest.fixture
def unscoped(engine: Engine) -> Iterator[Connection]:
    """A connection of the web's own role without a scope."""
    with engine.connect() as connection:
        yield connection


@pytest.mark.usefixtures("acme")
def test_session_without_a_scope_sees_no_row_of_any_table(
    unscoped: Connection, walled: list[str]
) -> None:
    assert len(walled) >= 14
    assert seen(unscoped, walled) == {}


@pytest.mark.parametrize("table", PLATFORMS)
def test_counts_of_all_workspaces_are_closed_to_every_scope(
    engine: Engine, acme: Company, table: str
) -> None:
    scope = Scope.of(acme.workspace.id, user=acme.admin.id)
    with tenancy.bind(scope, Session(engine)) as session, pytest.raises(DBAPIError) as refusal:
        session.execute(text(f"SELECT 1 FROM {table}"))  # a name of this module
    assert isinstance(refusal.value.orig, InsufficientPrivilege)


@pytest.mark.usefixtures("acme")
def test_other_workspace_and_person_see_no_row_of_any_table(
    engine: Engine, walled: list[str]
) -> None:
    other, person = make_workspace(), make_user()
    with tenancy.bind(Scope.of(other.id, user=person.id), Session(engine)) as session:
        assert seen(session.connection(), walled) == {"log_heads": 1}  # their own, empty


def test_own_scope_sees_a_row_of_every_table(
    engine: Engine, acme: Company, walled: list[str]
) -> None:
    scope = Scope.of(acme.workspace.id, user=acme.admin.id)
    with tenancy.bind(scope, Session(engine)) as session:
        assert seen(session.connection(), walled).keys() == set(walled)


@pytest.mark.usefixtures("acme")
def test_disabled_policies_show_rows_to_the_same_query(
    owner_engine: Engine, walled: list[str]
) -> None:
    """The control, in a transaction that is taken back: only the policies held the rows back."""
    with owner_engine.connect() as connection:
        assert seen(connection, walled) == {}
        for name in walled:
            connection.execute(text(f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY"))
        assert seen(connection, walled).keys() == set(walled)
        connection.rollback()
        assert seen(connection, walled) == {}


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("saved_views", "name"),
        ("notifications", "read_at"),
        ("imports", "name"),
        ("mails", "error"),
    ],
)
def test_invisible_rows_cannot_be_changed(
    engine: Engine, acme: Company, table: str, column: str
) -> None:
    statement = text(f"UPDATE {table} SET {column} = {column} RETURNING 1")  # ours
    outsider = Scope.of(make_workspace().id, user=make_user().id)
    insider = Scope.of(acme.workspace.id, user=acme.admin.id)
    with tenancy.bind(outsider, Session(engine)) as session:
        assert session.execute(statement).all() == []
    with tenancy.bind(insider, Session(engine)) as session:
        assert session.execute(statement).all() != []
