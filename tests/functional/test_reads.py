"""Who read which log by which filter: counted while it is read, and then an event of that log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text, update
from sqlalchemy.exc import ProgrammingError

from auditsaas.accounts.models import User
from auditsaas.metrics import READS_UNRECORDED
from auditsaas.permissions import ApiScope, Role
from auditsaas.reads import counting, flushing
from auditsaas.reads.models import log_reads
from auditsaas.reads.reading import MOST_OPENED, Reader, Reading
from auditsaas.workspaces.models import ApiKey, Workspace
from tests.support.factories import (
    append_events,
    event_input,
    make_api_key,
    make_member,
    make_workspace,
    scoped,
)
from tests.support.htmx import PARTIAL
from tests.support.reads import HOUR, appended, counted, flush, let_pass, opened, record_by

Browser = Callable[[User], FlaskClient]


@pytest.fixture
def log(acme: Workspace) -> list[UUID]:
    """Three events of Acme's, of which one failed."""
    outcomes = ("success", "error", "success")
    return list(append_events(acme, [event_input(status=status) for status in outcomes]).ids)


@pytest.fixture
def reader(acme: Workspace) -> User:
    return make_member(acme, Role.AUDITOR)


@pytest.fixture
def ann(browser: Browser, reader: User, log: list[UUID]) -> FlaskClient:
    """A browser of the auditor's."""
    return browser(reader)


def page(client: FlaskClient, workspace: Workspace, query: str = "", part: str = "") -> int:
    url = f"/w/{workspace.slug}/audit-logs{part}?{query}"
    headers = PARTIAL if part else {}
    return client.get(url, headers=headers, follow_redirects=True).status_code


def unrecorded() -> float:
    return float(READS_UNRECORDED._value.get())


def test_page_is_counted_by_reader_and_filter_with_the_rows_it_shows(
    ann: FlaskClient, acme: Workspace, reader: User
) -> None:
    for query in ("", "", "status=error"):
        assert page(ann, acme, query) == 200
    everything, errors = counted(acme)
    assert (everything.query, everything.pages, everything.rows) == ("", 2, 6)
    assert (errors.query, errors.pages, errors.rows) == ("status=error", 1, 1)
    assert everything.reader == str(reader.id)
    assert (everything.name, everything.role) == (reader.name, "auditor")
    assert everything.addresses == ["127.0.0.1"]


def test_filters_that_read_alike_are_counted_as_one(ann: FlaskClient, acme: Workspace) -> None:
    for query in ("status=error", "q=status:error", "q=STATUS:Error+status:error"):
        page(ann, acme, query)
    (only,) = counted(acme)
    assert (only.query, only.pages) == ("status=error", 3)


FRAGMENTS = {
    "count": "",
    "facets": "",
    "histogram": "",
    "latency": "",
    "users": "term=ann",
    "without": "min_ms=86000000",
    "suggest": "q=user:a",
    "tail": "",
}


@pytest.mark.parametrize("part", FRAGMENTS)
def test_fragment_alone_is_a_read_without_a_page(
    ann: FlaskClient, acme: Workspace, part: str
) -> None:
    assert page(ann, acme, FRAGMENTS[part], f"/{part}") == 200
    (only,) = counted(acme)
    assert only.pages == 0
    assert only.parts == ["suggestions" if part == "suggest" else part]


def test_help_of_the_search_box_is_no_read(ann: FlaskClient, acme: Workspace) -> None:
    assert page(ann, acme, "q=stat", "/suggest") == 200
    assert counted(acme) == []


def test_parts_of_one_page_are_one_read(ann: FlaskClient, acme: Workspace) -> None:
    page(ann, acme)
    for part in ("/count", "/facets", "/histogram", "/tail", "/tail"):
        page(ann, acme, "", part)
    (only,) = counted(acme)
    assert only.pages == 1
    assert sorted(only.parts) == ["count", "facets", "histogram", "rows", "tail"]


def test_opened_event_is_named_in_the_read_of_its_list(
    ann: FlaskClient, acme: Workspace, log: list[UUID]
) -> None:
    page(ann, acme, "status=error")
    for _ in range(2):
        page(ann, acme, "status=error", f"/{log[1]}")
    (only,) = counted(acme)
    assert only.opened == [log[1]]
    assert only.pages == 1


@pytest.mark.usefixtures("log")
def test_refused_filter_and_missing_event_are_no_read(ann: FlaskClient, acme: Workspace) -> None:
    assert page(ann, acme, "status=nonsense") == 422
    assert page(ann, acme, "", f"/{UUID(int=7)}") == 404
    assert counted(acme) == []


@pytest.mark.usefixtures("log")
def test_key_is_counted_by_its_name_for_lists_events_and_the_feed(
    client: FlaskClient, acme: Workspace, log: list[UUID]
) -> None:
    key = make_api_key(acme, {ApiScope.EVENTS_READ})
    for address in ("events?status=error", f"events/{log[0]}", "events/feed?after=0"):
        answer = client.get(f"/api/v1/{address}", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200
    everything, errors = counted(acme)
    assert (errors.query, errors.rows) == ("status=error", 1)
    assert everything.reader.startswith("api_key:")
    assert everything.name == "Test key"
    assert sorted(everything.parts) == ["event", "feed"]
    assert everything.opened == [log[0]]


@pytest.mark.usefixtures("log")
def test_writing_key_reads_nothing(client: FlaskClient, acme: Workspace, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    event = event_input(idempotency_key="k", occurred_at="2026-11-16T10:00:00Z")
    for _ in range(2):
        assert client.post("/api/v1/events", json=event, headers=headers).status_code in (200, 201)
    assert counted(acme) == []


def test_page_of_several_workspaces_is_a_read_of_each_that_names_no_other(
    browser: Browser, acme: Workspace, log: list[UUID]
) -> None:
    globex = make_workspace("Globex")
    append_events(globex, [event_input()])
    person = make_member(globex, user=make_member(acme))
    query = f"status=success&workspace={acme.slug}&workspace={globex.slug}"
    assert browser(person).get(f"/audit-logs?{query}").status_code == 200
    for workspace, rows in ((acme, 2), (globex, 1)):
        (only,) = counted(workspace)
        assert (only.query, only.pages, only.rows) == ("status=success", 1, rows)


def test_workspace_beside_the_filter_is_read_for_its_facets_alone(
    browser: Browser, acme: Workspace, log: list[UUID]
) -> None:
    globex = make_workspace("Globex")
    person = make_member(globex, user=make_member(acme))
    assert browser(person).get(f"/audit-logs?workspace={acme.slug}").status_code == 200
    (beside,) = counted(globex)
    assert (beside.query, beside.pages, beside.parts) == ("", 0, ["facets"])
    assert counted(acme)[0].pages == 1


def test_read_becomes_an_event_once_when_its_hour_is_over(
    app: Flask, ann: FlaskClient, acme: Workspace, log: list[UUID], reader: User
) -> None:
    page(ann, acme, "status=error")
    page(ann, acme, "status=error", f"/{log[1]}")
    flush(app)
    assert appended(acme) == []
    let_pass(acme, HOUR)
    (row,) = counted(acme)
    flush(app)
    flush(app)
    (event,) = appended(acme)
    assert event.occurred_at == row.first_at
    assert (event.actor_id, event.actor_name) == (str(reader.id), reader.name)
    assert (event.actor_role, event.status, event.source) == ("auditor", "success", "product")
    assert opened(event) == [log[1]]
    assert event.metadata == {
        "query": "status=error",
        "pages": 1,
        "rows_shown": 1,
        "opened": 1,
        "parts": ["rows", "event"],
        "export": False,
        "first_page_at": row.first_at.isoformat(),
        "last_page_at": row.last_at.isoformat(),
    }
    assert counted(acme) == []


def test_read_is_appended_fifteen_minutes_after_its_last_page(
    app: Flask, ann: FlaskClient, acme: Workspace
) -> None:
    page(ann, acme)
    let_pass(acme, timedelta(minutes=14))
    flush(app)
    assert appended(acme) == []
    let_pass(acme, timedelta(minutes=2))
    flush(app)
    page(ann, acme)
    assert len(appended(acme)) == 1
    assert len(counted(acme)) == 1


def test_clock_set_back_appends_the_read_of_an_hour_to_come_once(
    app: Flask, ann: FlaskClient, acme: Workspace
) -> None:
    page(ann, acme)
    let_pass(acme, -HOUR)
    page(ann, acme)
    flush(app)
    let_pass(acme, HOUR)
    flush(app)
    flush(app)
    assert [event.metadata["pages"] for event in appended(acme)] == [1, 1]


def test_a_thousand_reads_in_an_hour_are_one_event(
    app: Flask, acme: Workspace, reader: User, log: list[UUID]
) -> None:
    one = Reading(
        workspace_id=acme.id, reader=Reader(id=str(reader.id)), part="rows", pages=1, rows=50
    )

    def read() -> None:
        with scoped(acme.id) as session:
            for _ in range(250):
                counting.count(session, [one])
                session.commit()

    together(read, times=4)
    let_pass(acme, HOUR)
    flush(app)
    (event,) = appended(acme)
    assert (event.metadata["pages"], event.metadata["rows_shown"]) == (1_000, 50_000)


def together(work: Callable[[], object], *, times: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_flushes_at_once_append_each_read_once(
    app: Flask, ann: FlaskClient, acme: Workspace
) -> None:
    for query in ("", "status=error", "status=success", "method=POST"):
        page(ann, acme, query)
    let_pass(acme, HOUR)
    together(lambda: flush(app), times=4)
    assert len(appended(acme)) == 4


def test_key_revoked_meanwhile_keeps_its_name(
    app: Flask, client: FlaskClient, acme: Workspace, log: list[UUID]
) -> None:
    secret = make_api_key(acme, {ApiScope.EVENTS_READ})
    headers = {"Authorization": f"Bearer {secret}"}
    assert client.get("/api/v1/events", headers=headers).status_code == 200
    with scoped(acme.id) as session:
        session.query(ApiKey).update({"revoked_at": ApiKey.created_at})
        session.commit()
    assert client.get("/api/v1/events", headers=headers).status_code == 401
    let_pass(acme, HOUR)
    flush(app)
    (event,) = appended(acme)
    assert (event.actor_name, event.metadata["rows_shown"]) == ("Test key", 3)


def test_events_opened_beyond_the_targets_are_named_in_the_metadata(
    app: Flask, acme: Workspace, reader: User
) -> None:
    ids = append_events(acme, [event_input() for _ in range(30)]).ids
    with scoped(acme.id) as session:
        for event_id in ids:
            one = Reading(
                workspace_id=acme.id, reader=Reader(id="u"), part="event", opened=event_id
            )
            counting.count(session, [one])
        session.commit()
    let_pass(acme, HOUR)
    flush(app)
    (event,) = appended(acme)
    also = [UUID(each) for each in event.metadata["also_opened"]]
    assert (*opened(event), *also) == ids
    assert event.metadata["opened"] == 30


def test_more_opened_events_than_a_read_names_are_said_to_be_more(
    app: Flask, acme: Workspace, log: list[UUID]
) -> None:
    with scoped(acme.id) as session:
        for number in range(MOST_OPENED + 3):
            event_id = UUID(int=number)
            one = Reading(
                workspace_id=acme.id, reader=Reader(id="u"), part="event", opened=event_id
            )
            counting.count(session, [one])
        session.commit()
    let_pass(acme, HOUR)
    flush(app)
    (event,) = appended(acme)
    assert (event.metadata["opened"], event.metadata["more_opened"]) == (MOST_OPENED, True)
    assert len(event.targets) + len(event.metadata["also_opened"]) == MOST_OPENED


def test_reads_from_several_addresses_name_them(
    app: Flask, acme: Workspace, log: list[UUID], browser: Browser, reader: User
) -> None:
    client = browser(reader)
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
        url = f"/w/{acme.slug}/audit-logs"
        assert client.get(url, environ_base={"REMOTE_ADDR": address}).status_code == 200
    let_pass(acme, HOUR)
    flush(app)
    (event,) = appended(acme)
    assert event.metadata["addresses"] == ["192.0.2.1", "192.0.2.2"]


@pytest.mark.parametrize("column", ["reader", "query", "name", "first_at", "id"])
def test_app_role_rewrites_neither_reader_nor_filter_of_a_counted_read(
    ann: FlaskClient, acme: Workspace, column: str
) -> None:
    page(ann, acme)
    rewritten = update(log_reads).values({column: log_reads.c[column]})
    with scoped(acme.id) as session, pytest.raises(ProgrammingError, match="permission denied"):
        session.execute(rewritten)


def test_switched_off_counts_nothing(ann: FlaskClient, acme: Workspace) -> None:
    record_by(acme, "off")
    assert page(ann, acme) == 200
    assert counted(acme) == []


def test_every_request_is_an_event_before_the_answer(
    ann: FlaskClient, acme: Workspace, log: list[UUID]
) -> None:
    record_by(acme, "every")
    page(ann, acme, "status=error")
    page(ann, acme, "status=error")
    page(ann, acme, "", f"/{log[0]}")
    first, _, drawer = appended(acme)
    assert first.metadata["query"] == "status=error"
    assert first.path == f"/w/{acme.slug}/audit-logs"
    assert opened(drawer) == [log[0]]
    assert counted(acme) == []


def test_every_request_does_not_feed_on_its_own_events(
    client: FlaskClient, acme: Workspace, log: list[UUID]
) -> None:
    record_by(acme, "every")
    key, after = make_api_key(acme, {ApiScope.EVENTS_READ}), 0
    for _ in range(5):
        url = f"/api/v1/events/feed?after={after}"
        answer = client.get(url, headers={"Authorization": f"Bearer {key}"})
        assert answer.json is not None
        after = answer.json["last_seq"]
    assert len(appended(acme)) == 1
    (rest,) = counted(acme)
    assert rest.pages == 4


@contextmanager
def broken(owner: Engine, begin: str, end: str) -> Iterator[None]:
    with owner.begin() as connection:
        connection.execute(text(begin))
    try:
        yield
    finally:
        with owner.begin() as connection:
            connection.execute(text(end))


def uncountable(owner: Engine) -> AbstractContextManager[None]:
    return broken(
        owner,
        "ALTER TABLE log_reads ADD CONSTRAINT none CHECK (pages < 0) NOT VALID",
        "ALTER TABLE log_reads DROP CONSTRAINT none",
    )


def unappendable(owner: Engine) -> AbstractContextManager[None]:
    return broken(
        owner,
        "ALTER TABLE events ADD CONSTRAINT none CHECK (activity <> 'log.read') NOT VALID",
        "ALTER TABLE events DROP CONSTRAINT none",
    )


def test_page_is_given_and_the_failure_counted_where_the_read_cannot_be(
    ann: FlaskClient, acme: Workspace, owner_engine: Engine
) -> None:
    before = unrecorded()
    with uncountable(owner_engine):
        assert page(ann, acme) == 200
    assert unrecorded() == before + 1
    assert counted(acme) == []
    page(ann, acme)
    assert (unrecorded(), len(counted(acme))) == (before + 1, 1)


def test_read_is_refused_where_every_request_is_recorded_and_this_cannot_be(
    ann: FlaskClient, acme: Workspace, owner_engine: Engine, log: list[UUID]
) -> None:
    record_by(acme, "every")
    with unappendable(owner_engine):
        answer = ann.get(f"/w/{acme.slug}/audit-logs")
    assert answer.status_code == 503
    assert str(log[0]) not in answer.text
    assert page(ann, acme) == 200


def test_locked_table_holds_a_page_up_only_briefly(
    ann: FlaskClient, acme: Workspace, owner_engine: Engine
) -> None:
    before = unrecorded()
    with owner_engine.begin() as connection:
        connection.execute(text("LOCK TABLE log_reads IN ACCESS EXCLUSIVE MODE"))
        assert page(ann, acme) == 200
    assert unrecorded() == before + 1


def test_flush_that_waits_for_the_log_holds_up_no_page(
    app: Flask, ann: FlaskClient, acme: Workspace, engine: Engine
) -> None:
    before = unrecorded()
    page(ann, acme)
    let_pass(acme, timedelta(minutes=20))
    with scoped(acme.id) as session:
        session.execute(text("SELECT FROM log_heads FOR UPDATE"))
        waiting = threading.Thread(target=flush, args=[app])
        waiting.start()
        wait_until_blocked(engine)
        assert page(ann, acme) == 200
        assert counted(acme)[0].pages == 2
    waiting.join()
    assert unrecorded() == before


def wait_until_blocked(engine: Engine) -> None:
    """Wait until some statement waits for a lock."""
    waits = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    while True:
        with engine.connect() as connection:
            if connection.scalar(waits):
                return


def test_live_tail_does_not_tell_of_reads_unless_they_are_asked_for(
    app: Flask, ann: FlaskClient, acme: Workspace, log: list[UUID]
) -> None:
    page(ann, acme)
    let_pass(acme, HOUR)
    flush(app)
    (read,) = appended(acme)
    tail = f"/w/{acme.slug}/audit-logs/tail?after={UUID(int=read.id.int - 1)}"
    everything = ann.get(tail, headers=PARTIAL)
    reads = ann.get(f"{tail}&activity=log.*", headers=PARTIAL)
    assert str(log[0]) in everything.text
    assert str(read.id) not in everything.text
    assert str(read.id) in reads.text


def test_due_reads_are_found_for_every_workspace_and_flushed_in_its_own(
    app: Flask, ann: FlaskClient, acme: Workspace
) -> None:
    page(ann, acme)
    with scoped(make_workspace().id) as session:
        assert flushing.flush(session, acme.id) == 0
    let_pass(acme, HOUR)
    with scoped(acme.id) as session:
        assert flushing.flush(session, acme.id) == 1
        session.rollback()
    flush(app)
    assert len(appended(acme)) == 1
