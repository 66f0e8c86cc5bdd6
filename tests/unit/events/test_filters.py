from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, true
from werkzeug.datastructures import MultiDict

from auditsaas.errors import FieldError
from auditsaas.events.event_sources import of_key
from auditsaas.events.filter import actors
from auditsaas.events.filter.event_filter import OF_ACTORS, EventFilter, FilterError
from auditsaas.events.filter.period import PRESETS, TimeRange
from auditsaas.events.filter.to_sql import ResolvedActors, conditions
from auditsaas.events.reading.pages import page
from auditsaas.events.search.values import METHODS
from auditsaas.events.writing.useragent import PLATFORMS
from auditsaas.workspaces.models import Workspace
from tests.support.cases import cases
from tests.support.factories import append_events, event_input, make_workspace, scoped

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
KEY_ID = UUID("0193f3a0-0000-7000-8000-00000000000a")


def parse(**args: Any) -> EventFilter:
    return EventFilter.from_args(MultiDict(args), zone=NEW_YORK, now=NOW)


def refusal(**args: object) -> list[str]:
    with pytest.raises(FilterError) as caught:
        parse(**args)
    return [error.field for error in caught.value.errors]


words = (
    st.text(min_size=1, max_size=12)
    .map(str.strip)
    .filter(lambda text: text and "\x00" not in text and text.isprintable())
)
several = st.lists(words, max_size=3, unique=True)
argument_sets = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from([["success"], ["error"], ["success", "error"]]),
        "activity": st.lists(words.map(lambda text: text.replace("*", "") + "*"), max_size=2),
        "method": st.lists(st.sampled_from(METHODS), max_size=3, unique=True),
        "user": several,
        "role": several,
        "user_status": st.sampled_from([["active"], ["disabled"]]),
        "ip": st.lists(st.ip_addresses().map(str), max_size=2, unique=True),
        "platform": st.lists(st.sampled_from(PLATFORMS), max_size=2, unique=True),
        "browser": several,
        "source": st.lists(
            st.sampled_from(["product", "cli", "none", "api:*", f"import:{UUID(int=7)}"]),
            max_size=2,
            unique=True,
        ),
        "min_ms": st.floats(0, 1000).map(lambda value: [f"{value:f}"]),
        "q": st.lists(words, max_size=4).map(lambda found: [" ".join(found)]),
        "range": st.sampled_from(list(PRESETS)).map(lambda key: [key]),
    },
)


@given(args=argument_sets)
@settings(max_examples=cases(40))
def test_filter_round_trips_through_its_arguments(args: dict[str, list[str]]) -> None:
    _, chosen = understood(args)
    assume(chosen is not None)
    assert chosen is not None
    assert parse(**MultiDict(chosen.to_args()).to_dict(flat=False)) == chosen


@given(
    query=st.dictionaries(
        st.sampled_from(
            [
                "status",
                "activity",
                "method",
                "user",
                "role",
                "user_status",
                "ip",
                "q",
                "platform",
                "source",
                "min_ms",
                "max_ms",
                "range",
                "from",
                "to",
                "workspace",
            ]
        ),
        st.lists(st.text(max_size=30), max_size=3),
        max_size=5,
    )
)
@settings(max_examples=cases(100))
def test_any_arguments_are_parsed_or_refused_by_field(
    query: dict[str, list[str]],
) -> None:
    problems, chosen = understood(query)
    assert all(problem.field in query and problem.message for problem in problems)
    if chosen is not None:
        named = {term: true() for term in chosen.terms if term.key in OF_ACTORS}
        assert conditions(chosen, ResolvedActors(true(), by_term=named)) is not None
        assert isinstance(chosen.describe(), str)


def understood(query: dict[str, list[str]]) -> tuple[list[FieldError], EventFilter | None]:
    try:
        return [], parse(**query)
    except FilterError as error:
        return error.errors, None


@pytest.mark.parametrize(
    ("args", "fields"),
    [
        ({"status": "broken"}, ["status"]),
        ({"ip": "300.1.1.1"}, ["ip"]),
        ({"ip": "10.0.0.0/40"}, ["ip"]),
        ({"range": "next_week"}, ["range"]),
        ({"range": "today", "from": "2026-11-01"}, ["range"]),
        ({"from": "yesterday"}, ["from"]),
        ({"from": "2026-11-10", "to": "2026-11-01"}, ["to"]),
        ({"min_ms": "fast"}, ["min_ms"]),
        ({"min_ms": "500", "max_ms": "100"}, ["max_ms"]),
        ({"user_status": "away"}, ["user_status"]),
        ({"platform": "BeOS", "status": "x"}, ["status", "platform"]),
        ({"activity": "a*b"}, ["activity"]),
        ({"source": "somewhere"}, ["source"]),
        ({"source": "api:"}, ["source"]),
        ({"source": ["api:*x", "web:*"]}, ["source", "source"]),
        ({"user": [f"u{n}" for n in range(500)]}, ["user"]),
        ({"user": "a\x00b"}, ["user"]),
        ({"user": "a" * 600}, ["user"]),
    ],
)
def test_invalid_value_is_refused_by_field(args: dict[str, object], fields: list[str]) -> None:
    assert refusal(**args) == fields


def test_a_preset_is_resolved_in_the_viewers_zone() -> None:
    yesterday = parse(range="yesterday").period
    assert yesterday == TimeRange(
        datetime(2026, 11, 22, 5, tzinfo=UTC), datetime(2026, 11, 23, 5, tzinfo=UTC)
    )


def test_filter_is_described_in_words() -> None:
    chosen = parse(status="error", activity=["user.login", "user.logout"], min_ms="3000")
    assert chosen.describe() == (
        "Status is Error and activity type is Sign in or Sign out"
        " and response time is 3,000 ms or more"
    )


@pytest.fixture(scope="module")
def acme(engine: Engine) -> Workspace:
    workspace = make_workspace()
    ann = {"id": "ann", "email": "Ann@example.com", "role": "admin", "status": "active"}
    bob = {"id": "bob", "email": "bob@example.com", "role": "member", "status": "disabled"}
    at = datetime(2026, 11, 16, 5, tzinfo=UTC)
    append_events(
        workspace,
        [
            event_input(
                path="0",
                activity="user.login",
                actor=ann,
                ip="10.0.0.1",
                targets=[{"type": "invoice", "id": "inv_42"}],
                metadata={"plan": "pro"},
            ),
            event_input(
                path="1",
                activity="user.logout",
                actor=bob,
                ip="10.0.3.4",
                status="error",
                metadata={"owner": {"team": "red"}, "note": 'tags "x"'},
            ),
            event_input(
                path="2",
                activity="userx",
                actor=ann,
                ip="2001:db8::1",
                method="PUT",
                request_id="req-7",
                user_agent="Bücher-Agent/1.0",
            ),
            event_input(
                path="3",
                activity="http.get",
                actor=bob,
                ip="192.0.2.1",
                duration_ms=5000,
                user_agent="curl/8.5.0",
            ),
            event_input(path="4", activity="late", actor=ann, occurred_at=at.isoformat()),
            event_input(
                path="5",
                activity="late",
                actor=ann,
                method="PURGE",
                occurred_at=(at - timedelta(microseconds=1)).isoformat(),
            ),
        ],
    )
    event = event_input(path="6", actor=ann | {"email": "lee@example.com"})
    append_events(workspace, [event], of_key(KEY_ID))
    return workspace


@pytest.mark.parametrize(
    ("args", "paths"),
    [
        ({"status": "error"}, "1"),
        ({"activity": "user.*"}, "01"),
        ({"activity": ["user.login", "userx"]}, "02"),
        ({"activity": ["user.*", "late"]}, "0145"),
        ({"method": "put"}, "2"),
        ({"method": ["PUT", "PURGE"]}, "25"),
        ({"user": "bob"}, "13"),
        ({"user": "BOB@example.com"}, "13"),
        ({"user": "ann@example.com"}, "02456"),
        ({"user": "nobody"}, ""),
        ({"role": "member"}, "13"),
        ({"user_status": "disabled"}, "13"),
        ({"user_status": "active", "method": "PUT"}, "2"),
        ({"ip": "10.0.0.1"}, "0"),
        ({"ip": "10.0.0.0/8"}, "01"),
        ({"ip": ["10.0.0.0/8", "2001:db8::/32"]}, "012"),
        ({"ip": ["10.0.0.1", "192.0.2.1"]}, "03"),
        ({"ip": "::ffff:10.0.0.0/104"}, "01"),
        ({"ip": "::FFFF:10.0.0.1"}, "0"),
        ({"q": "ip:::ffff:10.0.0.0/104"}, "01"),
        ({"platform": "other"}, "0123456"),
        ({"browser": "curl 8.5"}, "3"),
        ({"browser": ["curl 8.5", "Chrome 1"]}, "3"),
        ({"source": "cli"}, "012345"),
        ({"source": ["api:*", "product"]}, "6"),
        ({"source": f"API:{KEY_ID}"}, "6"),
        ({"source": "none"}, ""),
        ({"source": ["none", "cli"]}, "012345"),
        ({"q": "source:api:*"}, "6"),
        ({"q": "-source:api:*"}, "012345"),
        ({"q": f"source:product,api:{KEY_ID}"}, "6"),
        ({"min_ms": "1000"}, "3"),
        ({"max_ms": "84"}, "012456"),
        ({"q": "activity:user.*"}, "01"),
        ({"q": "-activity:user.*"}, "23456"),
        ({"q": "-status:success"}, "1"),
        ({"q": "ip:10.0.0.0/8,192.0.2.1"}, "013"),
        ({"q": "-ip:10.0.0.0/8"}, "23456"),
        ({"q": "user:bob@example.com"}, "13"),
        ({"q": "-user:ann"}, "13"),
        ({"q": "user_status:disabled"}, "13"),
        ({"q": "ms:>500"}, "3"),
        ({"q": "-ms:>500"}, "012456"),
        ({"q": "code:2xx method:PUT,PURGE"}, "25"),
        ({"q": "platform:other browser:curl"}, "3"),
        ({"q": "purge"}, ""),
        ({"q": "LOGIN"}, "0"),
        ({"q": "192.0.2"}, "3"),
        ({"q": "target:inv_42"}, "0"),
        ({"q": "-target:inv_42"}, "123456"),
        ({"q": "meta.plan:pro"}, "0"),
        ({"q": "meta.owner.team:red"}, "1"),
        ({"q": '"tags \\"x\\""'}, "1"),
        ({"q": "has:metadata"}, "01"),
        ({"q": "-has:targets"}, "123456"),
        ({"q": "request:req-7"}, "2"),
        ({"q": "path:2"}, "2"),
        ({"q": "path:*"}, "0123456"),
        ({"q": "bücher"}, "2"),
        ({"q": "user:bob", "status": "error"}, "1"),
        ({"from": "2026-11-16", "to": "2026-11-16"}, "4"),
        ({"to": "2026-11-15"}, "5"),
        ({"to": "2026-11-16T05:00:00Z"}, "5"),
        ({"from": "2026-11-16T04:59:59.999999Z", "to": "2026-11-16T05:00:00.000001Z"}, "45"),
        ({"from": "2026-11-16T05:00:00.000001Z", "to": "2026-11-17T00:00:00Z"}, ""),
    ],
)
def test_a_filter_finds_the_events_it_describes(
    acme: Workspace, args: dict[str, object], paths: str
) -> None:
    chosen = parse(**args)
    with scoped(acme.id) as session:
        found = page(session, [acme.id], chosen, limit=50)
        assert "".join(sorted(row.path for row in found.rows)) == paths


def test_actor_filter_matches_current_details(acme: Workspace) -> None:
    with scoped(acme.id) as session:
        assert actors.actor_pairs(session, [acme.id], parse(user="lee@example.com")) == [
            (acme.id, "ann")
        ]


def test_every_query_is_bound_to_its_workspace(acme: Workspace, queries: list[str]) -> None:
    with scoped(acme.id) as session:
        page(session, [acme.id], parse(user="ann", activity=["a", "b"]), limit=5)
    reads = [query for query in queries if "FROM events" in query or "FROM actors" in query]
    assert reads
    assert all("workspace_id = " in query for query in reads)


def test_both_statuses_are_no_filter() -> None:
    both = parse(status=["error", "success"])
    assert conditions(both) == ([], [])


@pytest.mark.parametrize("args", [{"q": "nowhere"}, {"status": "error"}, {"range": "today"}])
def test_filter_without_its_only_field_is_empty(args: dict[str, str]) -> None:
    found = parse(**args)
    [name] = found.active_fields()
    assert found.without(name) == EventFilter()
