"""What a statement takes that changes its scope while it runs: no row of another workspace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from flask import Flask
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.operations import rights
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.architecture.wall_rows import rows_of_everything
from tests.support.factories import (
    append_events,
    as_owner,
    event_input,
    make_member,
    make_user,
    make_workspace,
)

TABLES = (
    *("events", "event_counts", "event_days", "actors", "actor_emails", "actor_names"),
    *("log_heads", "memberships"),
)
WIDEN = "set_config('auditsaas.workspaces', '{both}', true)"
NARROW = "set_config('auditsaas.workspaces', '{{{mine}}}', true)"
READING = {
    "target list": f"SELECT workspace_id, {WIDEN} FROM {{table}}",
    "condition": f"SELECT workspace_id FROM {{table}} WHERE {WIDEN} IS NOT NULL",
    "lateral": (
        f"SELECT b.workspace_id FROM {{table}} AS a, LATERAL (SELECT {WIDEN} AS v,"
        " a.workspace_id OFFSET 0) AS w, LATERAL (SELECT t.workspace_id FROM {table} AS t"
        " WHERE w.v IS NOT NULL) AS b"
    ),
    "joins": f"SELECT b.workspace_id, {WIDEN} FROM {{table}} AS a, {{table}} AS b, {{table}} AS c",
    "with": (
        f"WITH w AS MATERIALIZED (SELECT workspace_id, {WIDEN} FROM {{table}})"
        " SELECT workspace_id FROM w UNION ALL SELECT workspace_id FROM {table}"
    ),
    "subquery": (
        f"SELECT workspace_id, (SELECT {WIDEN} WHERE t.workspace_id IS NOT NULL)"
        " FROM {table} AS t"
    ),
    "groups": f"SELECT workspace_id, count({WIDEN}) FROM {{table}} GROUP BY 1",
    "order": f"SELECT workspace_id, {WIDEN} FROM {{table}} ORDER BY 1 DESC",
}
ONE_BY_ONE = "CASE n WHEN 1 THEN '{mine}' ELSE '{other}' END::uuid"
TURNS = f"FROM generate_series(1, 2) AS n WHERE n = 1 OR {WIDEN} IS NOT NULL"
PERSON = "set_config('auditsaas.person', '{stranger}', true)"
INSERTS = {
    "membership": (
        "INSERT INTO memberships (workspace_id, user_id, role)"
        f" SELECT {ONE_BY_ONE}, '{{stranger}}', 'admin' {TURNS}"
    ),
    "mapping": (
        "INSERT INTO import_mappings (workspace_id, name, form, updated_by)"
        f" SELECT {ONE_BY_ONE}, 'x', '{{{{}}}}', '{{stranger}}' {TURNS}"
    ),
    "person": (
        "INSERT INTO mail_choices (user_id, export_ready, export_failed, report) SELECT"
        " CASE n WHEN 1 THEN '{me}' ELSE '{stranger}' END::uuid, true, true, true"
        f" FROM generate_series(1, 2) AS n WHERE n = 1 OR {PERSON} IS NOT NULL"
    ),
}
CHANGES = {
    "update": f"UPDATE actors SET role = left({WIDEN}, 3) RETURNING workspace_id",
    "update of heads": (
        f"UPDATE log_heads SET redacted_keys = ARRAY[{WIDEN}] RETURNING workspace_id"
    ),
    "update of roles": (
        f"UPDATE memberships SET role = left(role || {WIDEN}, length(role)) RETURNING workspace_id"
    ),
    "delete": f"DELETE FROM memberships WHERE {WIDEN} IS NOT NULL RETURNING workspace_id",
    "lock": f"SELECT workspace_id, {WIDEN} FROM log_heads FOR UPDATE",
}
PLANS = {
    "as chosen": (),
    "sequential": ("enable_indexscan = off", "enable_bitmapscan = off"),
    "by index": ("enable_seqscan = off", "enable_bitmapscan = off"),
    "by bitmap": ("enable_seqscan = off", "enable_indexscan = off"),
    "by workers": (
        *("parallel_setup_cost = 0", "parallel_tuple_cost = 0", "min_parallel_table_scan_size = 0"),
        "enable_indexscan = off",
    ),
}
KEYS = text(
    """
    SELECT DISTINCT ON (1) c.relname, a.attname, format_type(a.atttypid, NULL)
    FROM pg_class AS c JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
    WHERE c.relnamespace = 'public'::regnamespace AND c.relrowsecurity AND NOT c.relispartition
    AND c.relname NOT LIKE 'platform%' AND a.attname <> 'workspace_id' AND EXISTS (
        SELECT FROM pg_attribute AS w WHERE w.attrelid = c.oid AND w.attname = 'workspace_id'
        AND w.attnum = ANY (i.indkey))
    ORDER BY 1, a.attnum
    """
)

Names = dict[str, str]
Rows = list[tuple[str, str, str]]
"""Tables, a column of each one's key beside the workspace, and what the other workspace has there,
as SQL."""


@pytest.fixture(scope="module")
def mine(app: Flask) -> Workspace:
    workspace = make_workspace()
    append_events(workspace, [event_input(), event_input()])
    return workspace


@pytest.fixture(scope="module")
def other(app: Flask, owner_engine: Engine) -> Workspace:
    """With a row in every table."""
    return rows_of_everything(app, owner_engine)[0].workspace


@pytest.fixture(scope="module")
def names(mine: Workspace, other: Workspace) -> Names:
    return {
        "mine": str(mine.id),
        "other": str(other.id),
        "both": f"{{{mine.id},{other.id}}}",
        "me": str(make_member(mine).id),
        "stranger": str(make_user().id),
    }


@pytest.fixture(scope="module")
def rows(other: Workspace) -> Rows:
    with as_owner(other.id) as session:
        found = []
        for table, column, of_type in session.execute(KEYS).all():
            value = session.scalar(text(f"SELECT quote_literal({column}) FROM {table} LIMIT 1"))
            found += [(table, column, f"{value}::{of_type}")] if value else []
    return found


@contextmanager
def bound(engine: Engine, names: Names, *settings: str) -> Iterator[Connection]:
    """A transaction of the app role in the first workspace, which leaves nothing."""
    scope = Scope.of(UUID(names["mine"]), user=UUID(names["me"]))
    with tenancy.bind(scope, Session(engine)) as session:
        connection = session.connection()
        for setting in settings:
            connection.exec_driver_sql(f"SET LOCAL {setting}")
        yield connection
        session.rollback()


def taken(connection: Connection, *statements: str) -> set[str]:
    """Return the workspaces whose rows SQL got; none where it was refused."""
    try:
        for statement in statements:
            found = connection.exec_driver_sql(statement)
        return {str(row[0]) for row in found}
    except DBAPIError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        return set()


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("way", READING)
def test_scope_widened_within_a_statement_reads_no_other_workspace(
    engine: Engine, names: Names, way: str, plan: str
) -> None:
    for table in TABLES:
        with bound(engine, names, *PLANS[plan]) as connection:
            found = taken(connection, READING[way].format(table=table, **names))
        assert found <= {names["mine"]}, table


@pytest.mark.parametrize("plan", PLANS)
def test_scope_widened_between_fetches_reads_no_other_workspace(
    engine: Engine, names: Names, plan: str
) -> None:
    for table in TABLES:
        with bound(engine, names, *PLANS[plan]) as connection:
            found = taken(
                connection,
                f"DECLARE those CURSOR FOR SELECT workspace_id FROM {table}",
                "FETCH 1 FROM those",
                f"SELECT {WIDEN.format(**names)}",
                "FETCH ALL FROM those",
            )
        assert found <= {names["mine"]}, table


@pytest.mark.parametrize("plan", ["by index", "by bitmap"])
def test_scope_taken_back_within_the_search_of_an_index_reads_no_other_workspace(
    engine: Engine, names: Names, rows: Rows, plan: str
) -> None:
    """The index is searched by the wider scope; the rows are found in one that is signed."""
    got = {}
    for table, column, value in rows:
        condition = f"{column} = (SELECT {value} WHERE {NARROW.format(**names)} IS NOT NULL)"
        with bound(engine, names, *PLANS[plan]) as connection:
            got[table] = taken(
                connection,
                f"SELECT {WIDEN.format(**names)}",
                f"SELECT workspace_id FROM {table} WHERE {condition}",
            )
    assert len(got) > 20
    assert {table for table, found in got.items() if found - {names["mine"]}} == set()


@pytest.mark.parametrize("plan", ["as chosen", "sequential"])
@pytest.mark.parametrize("way", CHANGES)
def test_scope_widened_within_a_statement_changes_no_other_workspace(
    engine: Engine, names: Names, way: str, plan: str
) -> None:
    with bound(engine, names, *PLANS[plan]) as connection:
        assert taken(connection, CHANGES[way].format(**names)) <= {names["mine"]}


@pytest.mark.parametrize("row", INSERTS)
def test_scope_widened_within_an_insert_adds_nothing(
    engine: Engine, names: Names, row: str
) -> None:
    with bound(engine, names) as connection, pytest.raises(DBAPIError) as refusal:
        connection.exec_driver_sql(INSERTS[row].format(**names))
    assert isinstance(refusal.value.orig, InsufficientPrivilege)


@pytest.fixture
def policies_of_before(owner_engine: Engine, settings: Settings) -> Iterator[None]:
    """The control: policies that ask for a signed scope, and compare rows with another."""
    app = str(make_url(settings.database_url).username)
    with owner_engine.begin() as owner:
        for table in ("event_days", "memberships"):
            for command, clause in (("SELECT", "USING"), ("INSERT", "WITH CHECK")):
                name = f"proven_{command.lower()}"
                owner.exec_driver_sql(f"DROP POLICY {name} ON {table}")
                owner.exec_driver_sql(
                    f'CREATE POLICY {name} ON {table} AS RESTRICTIVE FOR {command} TO "{app}"'
                    f" {clause} ((SELECT scope_is_proven()))"
                )
    yield
    with owner_engine.begin() as owner:
        for table in ("event_days", "memberships"):
            for command in ("select", "insert", "update", "delete"):
                owner.exec_driver_sql(f"DROP POLICY proven_{command} ON {table}")
        rights.tighten(owner, app)


@pytest.mark.usefixtures("policies_of_before")
def test_policies_of_before_let_a_changed_scope_pass(engine: Engine, names: Names) -> None:
    both = {names["mine"], names["other"]}
    with bound(engine, names, *PLANS["sequential"]) as connection:
        widened = READING["target list"].format(table="event_days", **names)
        assert taken(connection, widened) == both
    with bound(engine, names) as connection:
        assert connection.exec_driver_sql(INSERTS["membership"].format(**names)).rowcount == 2
