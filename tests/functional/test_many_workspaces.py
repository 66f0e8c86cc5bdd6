"""The log over very many workspaces: complete, and bounded however the events are spread."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from auditsaas.accounts.models import User
from auditsaas.events.filter import actors
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.reading import histogram, pages, totals
from auditsaas.events.reading.scans import lateral_scan, many_workspaces, source
from auditsaas.events.reading.scans.budget import Budget
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    event_input,
    make_member,
    make_user,
    make_workspace,
    scoped,
    sign_in,
)

UNINDEXED: list[dict[str, Any]] = [
    {"status": "success"},
    {"role": "owner"},
    {"q": "needle", "activity": "key.rotate"},
]
NOW = datetime.now(UTC)
STEP = 9
FILTERS: list[dict[str, Any]] = [
    {},
    {"status": "error"},
    {"status": "success"},
    {"activity": "key.rotate"},
    {"activity": ["key.rotate", "a.1"]},
    {"activity": "key.*"},
    {"activity": "a.1", "status": "error"},
    {"ip": "198.51.100.9"},
    {"ip": ["198.51.100.9", "203.0.113.7"]},
    {"ip": "198.51.100.0/24", "method": "PUT"},
    {"method": "PUT"},
    {"min_ms": "500"},
    {"user": "u_3"},
    {"user": "p3@acme.example", "status": "error"},
    {"role": "owner"},
    {"role": ["owner", "guest"], "user_status": "active", "ip": "203.0.113.7"},
    {"user": "nobody"},
    {"q": "needle"},
    {"q": "role:owner"},
    {"q": "-role:owner -user:p3@acme.example"},
    {"q": "needle", "activity": "key.rotate"},
    {"range": "last_90_days", "q": "method:PUT"},
]


def moment(n: int) -> datetime:
    """Most events of one instant, as imported ones are, the others ever further back."""
    return NOW - timedelta(minutes=1) if n % 2 else NOW - timedelta(minutes=7) * n * n


def events_of(place: int) -> list[dict[str, Any]]:
    return [
        event_input(
            occurred_at=moment(n).isoformat(),
            activity="key.rotate" if (n + place) % 11 == 0 else f"a.{n % 3}",
            status="error" if (n + place) % 5 == 0 else "success",
            method="PUT" if (n + place) % 7 == 0 else "GET",
            ip="198.51.100.9" if (n + place) % 9 == 0 else "203.0.113.7",
            duration_ms=600 if (n + place) % 8 == 0 else 20,
            metadata={"note": "a needle"} if (n + place) % 6 == 0 else None,
            actor={
                "id": f"u_{n % 5}",
                "email": f"p{n % 5}@acme.example",
                "role": ("owner", "guest")[n % 5 % 2],
            },
        )
        for n in range(5)
    ]


@pytest.fixture(scope="module")
def reader(engine: object) -> User:
    return make_user()


@pytest.fixture(scope="module")
def workspaces(reader: User) -> list[Workspace]:
    made = [make_workspace() for _ in range(source.MANY + 3)]
    for place, workspace in enumerate(made):
        make_member(workspace, user=reader)
        append_events(workspace, events_of(place))
    return made


@pytest.fixture
def ids(workspaces: list[Workspace]) -> list[UUID]:
    return [workspace.id for workspace in workspaces]


@pytest.fixture
def session(ids: list[UUID]) -> Iterator[Session]:
    with scoped(*ids) as session:
        yield session


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time for a single step of few events."""
    monkeypatch.setattr(many_workspaces, "Budget", partial(Budget, seconds=0, step=STEP))


@pytest.fixture
def all_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time for all steps, however busy the machine is."""
    monkeypatch.setattr(many_workspaces, "Budget", partial(Budget, seconds=600))
    monkeypatch.setattr(totals, "COUNT_SECONDS", 600)


@pytest.fixture(params=["few", "many"])
def number(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides of the bounds that decide how events and actors are looked for."""
    if request.param == "many":
        monkeypatch.setattr(lateral_scan, "FEW", 2)
        monkeypatch.setattr(actors, "MANY_ACTORS", 1)


def chosen(args: dict[str, Any]) -> EventFilter:
    return EventFilter.from_args(MultiDict(args), zone=ZoneInfo("UTC"), now=NOW)


def one_by_one(session: Session, ids: Sequence[UUID], event_filter: EventFilter) -> list[UUID]:
    """Read what matches, newest first, each workspace alone."""
    found = [
        row.id
        for identifier in ids
        for row in pages.page(session, [identifier], event_filter, limit=100).rows
    ]
    return sorted(found, reverse=True)


def paged_back(session: Session, ids: Sequence[UUID], event_filter: EventFilter) -> list[UUID]:
    """Page to the end, searching on wherever time ran out; return what was found."""
    found: list[UUID] = []
    before: UUID | None = None
    for _ in range(500):
        page = pages.page(session, ids, event_filter, limit=7, before=before)
        found += [row.id for row in page.rows]
        if not page.older:
            return found
        before = page.searched_to or found[-1]
    raise AssertionError("paging has no end")


@pytest.mark.usefixtures("number")
@pytest.mark.parametrize("args", FILTERS, ids=lambda args: urlencode(args, doseq=True) or "none")
def test_pages_over_very_many_workspaces_show_every_workspaces_events(
    session: Session, ids: list[UUID], args: dict[str, Any]
) -> None:
    event_filter = chosen(args)
    assert paged_back(session, ids, event_filter) == one_by_one(session, ids, event_filter)


@pytest.mark.usefixtures("no_time", "number")
@pytest.mark.parametrize("args", UNINDEXED, ids=lambda args: urlencode(args, doseq=True) or "none")
def test_search_out_of_time_continues_where_it_stopped(
    session: Session, ids: list[UUID], args: dict[str, Any]
) -> None:
    event_filter = chosen(args)
    assert paged_back(session, ids, event_filter) == one_by_one(session, ids, event_filter)


@pytest.mark.usefixtures("no_time")
def test_search_out_of_time_continues_toward_newer_events(
    session: Session, ids: list[UUID]
) -> None:
    event_filter = chosen({"q": "needle"})
    expected = one_by_one(session, ids, event_filter)
    found: list[UUID] = []
    after = UUID(int=0)
    while True:
        page = pages.page(session, ids, event_filter, limit=7, after=after)
        found += [row.id for row in reversed(page.rows)]
        if not page.newer:
            break
        after = page.searched_to or found[-1]
    assert found == expected[::-1]


@pytest.mark.usefixtures("no_time")
def test_search_step_reads_a_bounded_number_of_events(session: Session, ids: list[UUID]) -> None:
    everything = one_by_one(session, ids, chosen({}))
    page = pages.page(session, ids, chosen({"q": "ms:>5000"}), limit=50)
    assert page.searched_to is not None
    assert 0 < sum(event >= page.searched_to for event in everything) <= STEP


@pytest.mark.usefixtures("all_time")
@pytest.mark.parametrize("args", FILTERS, ids=lambda args: urlencode(args, doseq=True) or "none")
def test_very_many_workspaces_are_counted_like_each_of_them(
    session: Session, ids: list[UUID], args: dict[str, Any]
) -> None:
    event_filter = chosen(args)
    alone = [totals.count(session, [identifier], event_filter) for identifier in ids]
    together = totals.count(session, ids, event_filter)
    assert together == sum(alone, totals.Count(0, 0, exact=True))
    shown = histogram.histogram(session, ids, event_filter, ZoneInfo("UTC"), NOW)
    assert sum(bar.success + bar.error for bar in shown.bars) == together.total


@pytest.mark.usefixtures("no_time")
def test_count_out_of_time_says_so(
    session: Session, ids: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "Budget", partial(Budget, step=STEP))
    monkeypatch.setattr(totals, "COUNT_SECONDS", 0)
    event_filter = chosen({"q": "ms:>0"})
    found = totals.count(session, ids, event_filter)
    assert not found.exact
    assert found.total <= STEP
    shown = histogram.histogram(session, ids, event_filter, ZoneInfo("UTC"), NOW)
    assert shown.counted_from is not None


def test_suggested_filter_to_drop_comes_after_the_page(
    client: FlaskClient, reader: User, workspaces: list[Workspace]
) -> None:
    sign_in(client, reader)
    page = client.get("/audit-logs?activity=key.rotate&ip=192.0.2.1").text
    assert "No events match" in page
    assert "Remove the" not in page
    asked = re.search(r'hx-get="(/audit-logs/without\?[^"]+)"', page)
    assert asked is not None
    answer = client.get(asked[1].replace("&amp;", "&")).text
    assert "Remove the IP address filter" in answer
