"""A term of the search box that equals a filter is that filter, and matches the same events."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from auditsaas.events.event_sources import of_key
from auditsaas.events.filter.actors import resolve
from auditsaas.events.filter.event_filter import FILTERS, EventFilter
from auditsaas.events.filter.lifting import lift_terms
from auditsaas.events.filter.to_sql import conditions
from auditsaas.events.filter.unify import unify
from auditsaas.events.filter.written import AsWritten
from auditsaas.events.models import events
from auditsaas.events.reading.facets import facets
from auditsaas.events.reading.histogram import histogram
from auditsaas.events.reading.latency import latency
from auditsaas.events.reading.scans import source as sources
from auditsaas.events.reading.totals import count
from auditsaas.workspaces.models import Workspace
from tests.support.cases import cases
from tests.support.factories import append_events, event_input, make_workspace, scoped

START = datetime(2026, 10, 1, tzinfo=UTC)
NOW = START + timedelta(days=40)
KEY = UUID("0193f3a0-0000-7000-8000-00000000000b")
COUNTED = [name for name, known in FILTERS.items() if known.panel and name != "workspace"]

VALUES: dict[str, list[str]] = {
    "activity": ["user.login", "user.logout", "user.*", "user.log*", "invoice.pay", "*"],
    "status": ["error", "SUCCESS", '"error"'],
    "method": ["get", "POST", "PURGE"],
    "user": ["ann", "BOB@example.com", '"Ann Lee"', "nobody"],
    "role": ["admin", "member"],
    "user_status": ["active", "disabled"],
    "ip": ["10.0.0.1", "10.0.0.0/8", "2001:db8::/32"],
    "platform": ["macOS", "linux"],
    "source": ["cli", "api:*", "none", "n*", f"api:{KEY}"],
    "browser": ["curl", "Firefox 140"],
    "ms": [">=84", "<=84", ">84", "84", "50..90", "9000"],
}
AGENTS = ["curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"]
PEOPLE: list[dict[str, Any]] = [
    {"id": "ann", "name": "Ann Lee", "email": "ann@example.com", "role": "admin"},
    {"id": "bob", "email": "bob@example.com", "role": "member", "status": "disabled"},
]


@pytest.fixture(scope="module")
def acme(engine: Engine) -> Workspace:
    """Two hundred events of every kind that the terms tell apart, from two sources."""
    dice = random.Random(17)
    made = [
        event_input(
            occurred_at=(START + timedelta(minutes=dice.randrange(50_000))).isoformat(),
            activity=dice.choice(["user.login", "user.logout", "userx", "invoice.pay"]),
            status=dice.choice(["success", "error"]),
            method=dice.choice(["GET", "POST", "PURGE", None]),
            actor=dice.choice(PEOPLE),
            ip=dice.choice(["10.0.0.1", "10.9.9.9", "2001:db8::1", None]),
            user_agent=dice.choice([*AGENTS, None]),
            duration_ms=dice.choice([10, 84, 90, 9000, None]),
        )
        for _ in range(200)
    ]
    workspace = make_workspace()
    append_events(workspace, made[:150])
    append_events(workspace, made[150:], of_key(KEY))
    return workspace


def read(**args: Any) -> EventFilter:
    return EventFilter.from_args(MultiDict(args), zone=ZoneInfo("UTC"), now=NOW)


def term(name: str) -> st.SearchStrategy[str]:
    most = 1 if name == "ms" else 2  # a comparison has one number
    values = st.lists(st.sampled_from(VALUES[name]), min_size=1, max_size=most, unique=True)
    sign = st.sampled_from(["", "", "", "-"])
    return st.builds(lambda sign, found: f"{sign}{name}:{','.join(found)}", sign, values)


terms = st.lists(st.sampled_from(sorted(VALUES)).flatmap(term), min_size=1, max_size=4)
chosen = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from([["error"], ["success"], ["success", "error"]]),
        "activity": st.sampled_from([["user.login"], ["user.*"], ["userx", "invoice.*"]]),
        "method": st.sampled_from([["GET"], ["GET", "PURGE"], ["G*"]]),
        "user": st.sampled_from([["ann"], ["ann", "bob"]]),
        "user_status": st.sampled_from([["active"], ["active", "disabled"]]),
        "ip": st.sampled_from([["10.0.0.1"], ["10.0.0.0/8"]]),
        "platform": st.sampled_from([["Linux"], ["Linux", "Other"]]),
        "source": st.sampled_from([["none"], ["cli", "api:*"]]),
        "min_ms": st.sampled_from([["80"], ["90"]]),
    },
)


def matched(session: Session, workspace: Workspace, wanted: EventFilter) -> set[UUID]:
    """The events that meet every condition of a filter as it is, checked one by one."""
    found = conditions(wanted, resolve(session, workspace.id, wanted))
    own = events.c.workspace_id == workspace.id
    return set(session.scalars(select(events.c.id).where(own, *found[0], *found[1])))


def read_by(session: Session, ids: list[UUID], wanted: EventFilter) -> set[UUID]:
    found: set[UUID] = set()
    for part in sources.source(session, ids, wanted).every([events.c.id]):
        found |= set(session.scalars(part))
    return found


@settings(max_examples=cases(60))
@given(typed=terms, given=chosen)
def test_same_events_match_a_filter_whose_terms_are_lifted(
    acme: Workspace, typed: list[str], given: dict[str, list[str]]
) -> None:
    wanted = read(**given, q=" ".join(typed))
    with scoped(acme.id) as session:
        matching = matched(session, acme, wanted)
        assert matched(session, acme, lift_terms(wanted)) == matching
        assert read_by(session, [acme.id], wanted) == matching


@settings(max_examples=cases(100))
@given(typed=terms, given=chosen)
def test_same_events_match_the_address_that_a_page_shows(
    acme: Workspace, typed: list[str], given: dict[str, list[str]]
) -> None:
    wanted = read(**given, q=" ".join(typed))
    shown = unify(wanted)
    again = EventFilter.from_args(MultiDict(shown.to_args()), zone=ZoneInfo("UTC"), now=NOW)
    assert again == shown
    assert unify(again) is again
    with scoped(acme.id) as session:
        assert matched(session, acme, again) == matched(session, acme, wanted)


@pytest.mark.parametrize(
    "typed", ["status:error", "activity:user.*", "user:bob ms:>=80", "ip:::/0"]
)
def test_lifted_terms_match_the_same_over_very_many_workspaces(
    acme: Workspace, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setattr(sources, "MANY", 0)
    with scoped(acme.id) as session:
        wanted = read(q=typed)
        assert read_by(session, [acme.id], wanted) == matched(session, acme, wanted)


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ("status:error", {"status": "error"}),
        ("STATUS:Error status:error", {"status": "error"}),
        ('activity:"user.*"', {"activity": "user.*"}),
        ("activity:user.* activity:user.login,userx", {"activity": "user.login"}),
        ("method:get,PURGE", {"method": ["GET", "PURGE"]}),
        ("user:Bob@example.com", {"user": "Bob@example.com"}),
        ("role:member", {"role": "member"}),
        ("user_status:disabled", {"user_status": "disabled"}),
        ("ip:10.0.0.0/8", {"ip": "10.0.0.0/8"}),
        ("platform:linux", {"platform": "Linux"}),
        ("source:cli,none", {"source": ["cli", "none"]}),
        ("ms:>=84 ms:<=90", {"min_ms": "84", "max_ms": "90"}),
        ("ms:84..90", {"min_ms": "84", "max_ms": "90"}),
        ("status:error activity:user.*", {"status": "error", "activity": "user.*"}),
    ],
)
def test_every_answer_is_that_of_the_filter_which_the_terms_equal(
    acme: Workspace, typed: str, given: dict[str, Any]
) -> None:
    assert answers(acme, read(q=typed)) == answers(acme, read(**given))


def answers(workspace: Workspace, wanted: EventFilter) -> list[Any]:
    ids = [workspace.id]
    with scoped(workspace.id) as session:
        return [
            count(session, ids, wanted),
            facets(session, {workspace.slug: workspace.id}, wanted, COUNTED),
            histogram(session, ids, wanted, ZoneInfo("UTC"), NOW),
            latency(session, ids, wanted),
            read_by(session, ids, wanted),
        ]


@pytest.mark.parametrize(
    "query",
    [
        {"q": "status:error", "status": "success"},
        {"q": "status:error status:success"},
        {"q": "activity:invoice.*", "activity": "user.*"},
        {"q": "method:GET", "method": ["POST", "PURGE"]},
    ],
)
def test_choices_without_anything_in_common_match_nothing_by_the_counts(
    acme: Workspace, query: dict[str, Any], queries: list[str]
) -> None:
    with scoped(acme.id) as session:
        assert count(session, [acme.id], read(**query)).total == 0
    assert not any("FROM events" in query for query in queries)


def test_facet_of_a_field_ignores_what_a_term_says_of_it(acme: Workspace) -> None:
    with scoped(acme.id) as session:
        ids = {acme.slug: acme.id}
        found = facets(session, ids, read(q="status:error"), ["status"])["status"]
    assert found.exact
    assert sum(found.counts.values()) == 200
    assert set(found.counts) == {"success", "error"}


@pytest.mark.parametrize(
    "typed",
    ["refund", "-status:error", "ms:>84", "browser:curl", "workspace:acme", "code:4xx", "ms:1,2"],
)
def test_term_that_no_field_says_stays_a_term(typed: str) -> None:
    wanted = read(q=typed)
    assert lift_terms(wanted) is wanted


def test_terms_stay_where_people_are_meant_as_events_name_them() -> None:
    wanted = EventFilter(q="user:ann", terms=read(q="user:ann").terms, as_written=AsWritten())
    assert lift_terms(wanted) is wanted


def test_lifting_for_readers_leaves_the_filter_that_they_were_given() -> None:
    wanted = read(q="status:error refund")
    assert lift_terms(wanted).to_args() == [("status", "error"), ("q", "refund")]
    assert wanted.to_args() == [("q", "status:error refund")]
