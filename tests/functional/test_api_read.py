"""Reading events through the API, and following them by sequence number."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from auditsaas.api import feed
from auditsaas.api.models import EventPage, Feed, StoredEvent
from auditsaas.permissions import ApiScope
from auditsaas.workspaces.models import Workspace
from tests.support.factories import append_events, event_input, make_api_key, make_workspace

BASE = datetime(2026, 11, 16, 10, tzinfo=UTC)


@pytest.fixture
def key(acme: Workspace) -> str:
    return make_api_key(acme, {ApiScope.EVENTS_READ})


def get(client: FlaskClient, key: str, address: str, **args: Any) -> TestResponse:
    return client.get(
        f"/api/v1{address}", query_string=args, headers={"Authorization": f"Bearer {key}"}
    )


def at(minute: int, **fields: Any) -> dict[str, Any]:
    occurred_at = (BASE + timedelta(minutes=minute)).isoformat()
    return event_input(occurred_at=occurred_at, path=f"/{minute}", **fields)


def paths(answer: TestResponse) -> list[int]:
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    return [int(event["path"][1:]) for event in answer.json["data"]]


FULL = event_input(
    occurred_at="2026-11-16T10:00:00.123456Z",
    idempotency_key="k",
    actor={"id": "u", "name": "Ann", "email": "a@b.c", "role": "admin", "status": "active"},
    user_agent="curl/8.5.0",
    duration_ms=0.25,
    request_id="req-1",
    targets=[{"type": "invoice", "id": "42"}],
    changes={"total": [1, 2.5]},
    metadata={"plan": "pro", "n": [1, None, True]},
)


def test_stored_event_is_returned_as_it_was_sent(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    [event_id] = append_events(acme, [FULL]).ids
    answer = get(client, key, f"/events/{event_id}")
    assert answer.json is not None
    given = answer.json
    msgspec.convert(given, StoredEvent, strict=False)
    assert {name: given[name] for name in FULL} == FULL
    assert (given["id"], given["seq"], given["workspace"]) == (str(event_id), 1, acme.slug)
    assert (given["platform"], given["browser"]) == ("Other", "curl 8.5")


def test_derived_fields_are_returned_without_a_user_agent(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    [event_id] = append_events(acme, [event_input(user_agent=None)]).ids
    given = get(client, key, f"/events/{event_id}").json
    assert given is not None
    assert (given["platform"], given["browser"]) == ("Other", "")


def test_cursor_pages_through_all_events_once_newest_first(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    append_events(acme, [at(minute) for minute in range(25)])
    found: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = get(client, key, "/events", limit=10, **cursor)
        msgspec.json.decode(page.data, type=EventPage)
        found += paths(page)
        assert page.json is not None
        if page.json["next_cursor"] is None:
            break
        cursor = {"cursor": page.json["next_cursor"]}
    assert found == list(range(24, -1, -1))


def test_api_filter_matches_what_the_page_matches(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    append_events(
        acme,
        [
            at(1, activity="user.login", status="error"),
            at(2, activity="user.logout"),
            at(3, ip="198.51.100.9", duration_ms=900),
        ],
    )
    assert paths(get(client, key, "/events", activity="user.*")) == [2, 1]
    assert paths(get(client, key, "/events", status="error")) == [1]
    assert paths(get(client, key, "/events", ip="198.51.100.0/24")) == [3]
    assert paths(get(client, key, "/events", q="ms:>500")) == [3]
    assert paths(get(client, key, "/events", workspace=acme.slug, min_ms=900)) == [3]


def test_dates_in_the_api_are_utc_days(client: FlaskClient, acme: Workspace, key: str) -> None:
    append_events(acme, [at(-601), at(-600), at(839), at(840)])
    assert paths_of(get(client, key, "/events", **{"from": "2026-11-16", "to": "2026-11-16"})) == [
        "/839",
        "/-600",
    ]


def paths_of(answer: TestResponse) -> list[str]:
    assert answer.json is not None
    return [event["path"] for event in answer.json["data"]]


BAD_ARGUMENTS = [
    ("status", "broken"),
    ("activity", "a*b"),
    ("ip", "300.1.1.1"),
    ("min_ms", "fast"),
    ("from", "yesterday-ish"),
    ("range", "last_century"),
    ("q", "nonsense:1"),
    ("limit", "0"),
    ("limit", "1001"),
    ("limit", "ten"),
    ("limit", "9" * 5000),
    ("cursor", "abc"),
    ("workspace", "another"),
    ("colour", "red"),
]


@pytest.mark.parametrize(("name", "value"), BAD_ARGUMENTS)
def test_invalid_parameter_is_refused_by_name(
    client: FlaskClient, key: str, name: str, value: str
) -> None:
    answer = get(client, key, "/events", **{name: value})
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert answer.json is not None
    assert [error["field"] for error in answer.json["errors"]] == [name]


def test_events_of_another_workspace_are_not_found(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    other = make_workspace()
    [event_id] = append_events(other, [at(1)]).ids
    assert get(client, key, f"/events/{event_id}").status_code == 404
    assert get(client, key, f"/events/{uuid4()}").status_code == 404
    assert paths(get(client, key, "/events")) == []
    assert paths(get(client, key, "/events/feed")) == []


def test_feed_returns_events_in_sequence_order(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    append_events(acme, [at(3), at(1)])
    append_events(acme, [at(2)])
    first = get(client, key, "/events/feed", limit=2)
    body = msgspec.json.decode(first.data, type=Feed)
    assert (paths(first), body.last_seq) == ([3, 1], 2)
    then = get(client, key, "/events/feed", after=body.last_seq)
    assert paths(then) == [2]
    assert then.json is not None
    assert then.json["last_seq"] == 3
    assert then.json["complete_through"] == then.json["data"][-1]["received_at"]


def test_feed_lag_is_a_metric(client: FlaskClient, acme: Workspace, key: str) -> None:
    append_events(acme, [event_input() for _ in range(5)])

    def behind() -> float:
        series = "auditsaas_feed_lag_events_sum "
        lines = client.get("/metrics").text.splitlines()
        return next(float(x.removeprefix(series)) for x in lines if x.startswith(series))

    before = behind()
    get(client, key, "/events/feed", limit=2)
    assert behind() == before + 3
    get(client, key, "/events/feed")
    assert behind() == before + 3


def test_empty_feed_page_keeps_the_cursor(client: FlaskClient, acme: Workspace, key: str) -> None:
    append_events(acme, [at(n) for n in range(7)])
    first = get(client, key, "/events/feed", limit=7).json
    assert first is not None
    answer = get(client, key, "/events/feed", after=7, epoch=first["epoch"])
    assert answer.json == first | {"data": []}


@pytest.mark.parametrize(
    ("name", "value"), [("after", "-1"), ("after", "x"), ("wait", "21"), ("limit", "0")]
)
def test_feed_names_an_invalid_parameter(
    client: FlaskClient, key: str, name: str, value: str
) -> None:
    answer = get(client, key, "/events/feed", **{name: value})
    assert answer.status_code == 422
    assert answer.json is not None
    assert [error["field"] for error in answer.json["errors"]] == [name]


def test_waiting_feed_answers_as_soon_as_an_event_is_written(
    app: Flask, acme: Workspace, key: str
) -> None:
    answers: list[TestResponse] = []

    def follow() -> None:
        answers.append(get(app.test_client(), key, "/events/feed", wait=20))

    waiting = threading.Thread(target=follow)
    waiting.start()
    append_events(acme, [at(1)])
    waiting.join(10)
    assert not waiting.is_alive()
    assert paths(answers[0]) == [1]


@pytest.fixture
def full_house() -> Iterator[None]:
    """The limit of waiting requests of this process is reached."""
    others = [uuid4() for _ in range(feed.MAX_WAITING)]
    assert all(feed._places.take(one) for one in others)
    yield
    for one in others:
        feed._places.give_back(one)


@pytest.mark.usefixtures("full_house")
def test_feed_answers_at_once_when_too_many_are_waiting(client: FlaskClient, key: str) -> None:
    started = datetime.now(UTC)
    assert paths(get(client, key, "/events/feed", wait=20)) == []
    assert datetime.now(UTC) - started < timedelta(seconds=10)


@pytest.fixture
def own_share(acme: Workspace) -> Iterator[None]:
    """As many of Acme's requests wait as may."""
    for _ in range(feed.MAX_WAITING_OF_ONE):
        assert feed._places.take(acme.id)
    yield
    for _ in range(feed.MAX_WAITING_OF_ONE):
        feed._places.give_back(acme.id)


@pytest.mark.usefixtures("own_share")
def test_feed_answers_at_once_when_a_workspace_has_its_share(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    started = datetime.now(UTC)
    assert paths(get(client, make_api_key(acme), "/events/feed", wait=20)) == []
    assert datetime.now(UTC) - started < timedelta(seconds=10)


@pytest.mark.usefixtures("own_share")
def test_feed_of_another_workspace_waits_while_one_has_its_share(client: FlaskClient) -> None:
    started = datetime.now(UTC)
    assert paths(get(client, make_api_key(make_workspace()), "/events/feed", wait=1)) == []
    assert datetime.now(UTC) - started >= timedelta(seconds=1)


def test_place_that_was_given_back_is_free() -> None:
    places, one, other = feed.WaitingPlaces(3, 2), uuid4(), uuid4()
    assert [places.take(who) for who in (one, one, one, other, other)] == [
        True, True, False, True, False,
    ]  # fmt: skip
    places.give_back(one)
    assert [places.take(other), places.take(one)] == [True, False]


def test_feed_follower_gets_every_event_once_during_concurrent_appends(
    client: FlaskClient, acme: Workspace, key: str
) -> None:
    writers = [
        threading.Thread(
            target=lambda: [append_events(acme, [at(n) for n in range(7)]) for _ in range(10)]
        )
        for _ in range(4)
    ]
    for writer in writers:
        writer.start()
    seqs: list[int] = []
    while len(seqs) < 280:
        after = seqs[-1] if seqs else 0
        answer = get(client, key, "/events/feed", after=after, limit=50, wait=1)
        assert answer.json is not None
        seqs += [event["seq"] for event in answer.json["data"]]
        assert answer.json["last_seq"] == seqs[-1] if seqs else True
    for writer in writers:
        writer.join()
    assert seqs == list(range(1, 281))
