"""How often a page of the log and its fragments wait for PostgreSQL, by the driver's own trace."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, create_engine, select, text
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm import Session

from auditsaas.db import deadlines, pools, tenancy
from auditsaas.db.pipelining import queued
from auditsaas.db.tenancy import Scope
from auditsaas.db.together import together
from auditsaas.errors import NotFound
from auditsaas.workspaces.models import Membership
from config.settings import Settings
from tests.support.factories import append_events, event_input, make_member, make_workspace, sign_in
from tests.support.htmx import PARTIAL
from tests.support.wire import Wire, wire_of, wire_of_app

MOST = 20
"""Of a page and the four fragments that it asks for, in sum."""

MOST_OF_TABLE = 3
"""Who asks; the rows; what was read is counted, and the transaction ends."""

FRAGMENTS = ("count", "facets", "histogram", "tail")
ONE = text("SELECT 1")
NAMED = text("SELECT set_config('auditsaas.person', :given, true)")
COPIED = "COPY (SELECT current_setting('auditsaas.person')) TO STDOUT"


def round_trips(client: FlaskClient, wire: Wire, url: str, headers: dict[str, str]) -> int:
    """Ask twice, for what is asked once in a process is not asked again."""
    for _ in range(2):
        wire.sent()
        assert client.get(url, headers=headers).status_code < 300
    return wire.round_trips()


def test_page_and_its_fragments_stay_below_the_bar(app: Flask, client: FlaskClient) -> None:
    workspace = make_workspace()
    months = [datetime.now(UTC) - timedelta(days=6 * n) for n in range(60)]
    append_events(workspace, [event_input(occurred_at=at.isoformat()) for at in months])
    sign_in(client, make_member(workspace))
    base = f"/w/{workspace.slug}/audit-logs"
    with wire_of_app(app) as wire:
        newest = re.findall(r'data-event-id="([^"]+)"', client.get(base).text)[0]
        found = {"page": round_trips(client, wire, base, {})}
        for name in FRAGMENTS:
            url = f"{base}/{name}?" + (f"after={newest}" if name == "tail" else "")
            found[name] = round_trips(client, wire, url, PARTIAL)
        found["rows"] = round_trips(client, wire, base, PARTIAL)
    assert found.pop("rows") <= MOST_OF_TABLE
    assert sum(found.values()) <= MOST, found


@pytest.fixture
def bounded(settings: Settings) -> Iterator[Engine]:
    """An engine as web processes have it."""
    options: dict[str, Any] = pools.engine_options(settings.database_url, 15_000)
    made = create_engine(**options | {"pool_pre_ping": False})
    deadlines.bound(made, 15.0, ping_if_doubtful=True)
    yield made
    made.dispose()


def used(engine: Engine, *, rested: float = 0) -> int:
    """Use a connection and give it back as one that has rested so long; its server's process."""
    with engine.connect() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        driver = connection.connection.driver_connection
    driver.rests_since -= rested  # type: ignore[union-attr]  # it is ours
    return int(pid or 0)


def test_begin_and_scope_are_sent_with_the_first_statement(bounded: Engine) -> None:
    person = make_member(make_workspace())
    with wire_of(bounded) as wire, Session(bounded) as session:
        tenancy.bind(Scope(user=person.id), session)
        for _ in range(2):
            session.rollback()
            wire.sent()
            assert len(session.scalars(select(Membership)).all()) == 1
        assert wire.round_trips() == 1


def test_scope_that_is_bound_anew_is_sent_once(bounded: Engine) -> None:
    person, other = make_member(make_workspace()), make_member(make_workspace())
    with wire_of(bounded) as wire, Session(bounded) as session:
        session.scalar(ONE)
        wire.sent()
        for each in (other, person, other, person):
            tenancy.bind(Scope(user=each.id), session)
        assert [one.user_id for one in session.scalars(select(Membership))] == [person.id]
        assert wire.sent().count("Execute") == 2


def test_resting_briefly_is_not_pinged_and_resting_longer_is(bounded: Engine) -> None:
    with wire_of(bounded) as wire:
        found = []
        for rested in (0, 60):
            used(bounded, rested=rested)
            wire.sent()
            used(bounded)
            found.append(wire.sent().count("Query"))
    assert found == [1, 2]


@pytest.mark.parametrize("rested", [0, 60])
def test_connection_that_ended_while_it_rested_is_made_anew(
    bounded: Engine, engine: Engine, rested: float
) -> None:
    pid = used(bounded, rested=rested)
    end_process(engine, pid)
    assert used(bounded) != pid


def end_process(engine: Engine, pid: int) -> None:
    """End a process of the server, as its restart does; return once it is gone."""
    gone = text("SELECT pg_terminate_backend(:pid, 5000)")
    with engine.connect() as other:
        assert other.scalar(gone, {"pid": pid})


def test_connection_that_ends_under_way_fails(bounded: Engine, engine: Engine) -> None:
    """The control: what was sent is not sent again."""
    with bounded.connect() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        end_process(engine, int(pid or 0))
        with pytest.raises(OperationalError):
            connection.execute(ONE)


def test_statement_that_was_queued_fails_with_the_one_after_it(bounded: Engine) -> None:
    with Session(bounded) as session:
        connection = session.connection()
        with queued(connection):
            connection.execute(text("SELECT 1 / :zero"), {"zero": 0})
        with pytest.raises(DataError, match="division by zero"):
            session.commit()
        session.rollback()
        assert session.scalar(ONE) == 1


def test_error_that_comes_while_the_rest_is_still_sent_leaves_the_connection_in_order(
    bounded: Engine,
) -> None:
    with Session(bounded) as session:
        with queued(session.connection()):
            session.execute(text("SELECT 1 / :zero"), {"zero": 0})
        with pytest.raises(DataError, match="division by zero"):
            session.scalar(text("SELECT length(:long)"), {"long": "x" * 30_000_000})
        session.rollback()
        assert session.scalar(ONE) == 1


def test_long_statement_is_sent_whole_before_its_answer_is_waited_for(bounded: Engine) -> None:
    with Session(bounded) as session:
        found = session.scalar(text("SELECT length(:long)"), {"long": "x" * 30_000_000})
        assert found == 30_000_000


def test_queued_statement_is_forgotten_by_a_rollback(bounded: Engine) -> None:
    with Session(bounded) as session:
        session.scalar(ONE)
        with queued(session.connection()):
            session.execute(text("SELECT 1 / :zero"), {"zero": 0})
        session.rollback()
        assert session.scalar(ONE) == 1


def asks(session: Session, *numbers: int) -> int:
    """Ask for each number in a statement of its own, one after another, and add them up."""
    return sum(session.scalar(text(f"SELECT {number}")) or 0 for number in numbers)


def test_readers_side_by_side_wait_as_often_as_the_longest_of_them(bounded: Engine) -> None:
    with wire_of(bounded) as wire, Session(bounded) as session:
        session.scalar(ONE)
        wire.sent()
        found = together(
            session,
            lambda: asks(session, 1, 2, 3),
            lambda: 7,
            lambda: sum(
                together(session, lambda: asks(session, 10), lambda: asks(session, 20, 30))
            ),
        )
        assert (found, wire.round_trips()) == ((6, 7, 60), 3)


def test_error_of_one_reader_is_raised_once_all_have_ended(bounded: Engine) -> None:
    ended: list[str] = []

    def reads() -> None:
        try:
            asks(session, 1, 2, 3)
        finally:
            ended.append("others")

    def fails() -> None:
        asks(session, 1)
        session.scalar(text("SELECT 1 / :zero"), {"zero": 0})

    with Session(bounded) as session:
        with pytest.raises(DataError, match="division by zero"):
            together(session, reads, fails)
        assert ended == ["others"]
        session.rollback()
        assert together(session, lambda: asks(session, 1), lambda: asks(session, 2)) == (1, 2)


def test_refusal_of_one_reader_leaves_the_transaction_as_it_is(bounded: Engine) -> None:
    def refuses() -> None:
        raise NotFound("There is no such thing.")

    with Session(bounded) as session:
        with pytest.raises(NotFound):
            together(session, lambda: asks(session, 1, 2), refuses)
        assert asks(session, 3) == 3


def test_scope_is_bound_anew_after_a_savepoint_was_given_up(bounded: Engine) -> None:
    person, other = make_member(make_workspace()), make_member(make_workspace())
    with Session(bounded) as session:
        tenancy.bind(Scope(user=person.id), session)
        savepoint = session.begin_nested()
        tenancy.bind(Scope(user=other.id), session)
        session.scalar(ONE)
        savepoint.rollback()
        tenancy.bind(Scope(user=other.id), session)
        assert [one.user_id for one in session.scalars(select(Membership))] == [other.id]


def test_same_statement_queued_twice_runs_twice(bounded: Engine) -> None:
    add = text("INSERT INTO counted SELECT :one")
    with Session(bounded) as session:
        session.execute(text("CREATE TEMPORARY TABLE counted (n integer) ON COMMIT DROP"))
        with queued(session.connection()):
            for _ in range(2):
                session.execute(add, {"one": 1})
        assert session.scalar(text("SELECT sum(n) FROM counted")) == 2


def test_queued_statement_goes_before_a_copy(bounded: Engine) -> None:
    with Session(bounded) as session:
        connection = session.connection()
        with queued(connection):
            session.execute(NAMED, {"given": "me"})
        driver = connection.connection.driver_connection
        with driver.cursor().copy(COPIED) as copy:  # type: ignore[union-attr]  # it is connected
            assert list(copy.rows()) == [("me",)]
