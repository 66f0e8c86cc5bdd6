"""Each kind of term in a page's address: what becomes a filter, and what stays in the search."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import pytest
from werkzeug.datastructures import MultiDict

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.text import arguments
from auditsaas.events.filter.unify import unify, without_term
from auditsaas.events.filter.written import AsWritten

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def read(query: str) -> EventFilter:
    return EventFilter.from_args(arguments(query), zone=ZoneInfo("UTC"), now=NOW)


def unified(query: str, *slugs: str) -> dict[str, list[str]]:
    return parse_qs(unify(read(query), slugs).query_string())


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("q=status:error", "status=error"),
        ("q=STATUS:Error status:error", "status=error"),
        ("q=status:error refund", "status=error&q=refund"),
        ("q=refund status:error  'x y'", "status=error&q=refund 'x y'"),
        ("q=status:error,success", "status=success&status=error"),
        ('q=user:"Ann Lee"', "user=Ann Lee"),
        ("q=user:ann,bob", "user=ann&user=bob"),
        ("q=method:post,PURGE", "method=POST&method=PURGE"),
        ("q=activity:user.*", "activity=user.*"),
        ('q=activity:"never.seen"', "activity=never.seen"),
        ("q=role:admin user_status:disabled", "role=admin&user_status=disabled"),
        ("q=ip:::ffff:10.0.0.1,10.1.0.0/16", "ip=10.0.0.1&ip=10.1.0.0/16"),
        ("q=platform:LINUX source:api:*", "platform=Linux&source=api:*"),
        ("q=ms:>=84 ms:<=90", "min_ms=84&max_ms=90"),
        ("q=ms:84..90.5", "min_ms=84&max_ms=90.5"),
        ("q=ms:84", "min_ms=84&max_ms=84"),
        ("min_ms=90&q=ms:>=84", "min_ms=90"),
    ],
)
def test_term_that_equals_a_filter_becomes_it(typed: str, shown: str) -> None:
    assert unified(typed) == parse_qs(shown)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("status=error&q=status:error", "status=error"),
        ("status=success&status=error&q=status:error", "status=error"),
        ("activity=user.*&q=activity:user.login", "activity=user.login"),
        ("activity=user.login&q=activity:user.*", "activity=user.login"),
        ("user=ann&user=bob&q=user:bob,ann", "user=ann&user=bob"),
        ("q=activity:user.*,order.* activity:user.login", "activity=user.login"),
    ],
)
def test_term_beside_a_choice_of_its_field_leaves_what_both_share(typed: str, shown: str) -> None:
    assert unified(typed) == parse_qs(shown)


@pytest.mark.parametrize(
    "query",
    [
        "q=refund",
        'q="status:error"',
        "q=-status:error",
        "q=-user:ann -activity:user.*",
        "q=browser:Firefox",
        "q=ms:>84",
        "q=ms:1,2",
        "q=code:4xx path:/a/* target:inv_42 request:r has:changes meta.plan:pro",
        "q=workspace:acme",
        'q=user:" ann"',
    ],
)
def test_term_that_no_filter_says_stays_in_the_search(query: str) -> None:
    wanted = read(query)
    assert unify(wanted) is wanted


@pytest.mark.parametrize(
    "query",
    [
        "status=success&q=status:error",
        "method=GET&q=method:POST",
        "user=ann&q=user:bob",
        "ip=10.0.0.0/8&q=ip:10.0.0.1",
        "min_ms=90&q=ms:<=84",
    ],
)
def test_term_that_cannot_be_said_beside_the_choice_of_its_field_stays(query: str) -> None:
    wanted = read(query)
    assert unify(wanted) is wanted


def test_first_of_two_contradicting_terms_is_the_filter_and_the_second_stays() -> None:
    assert unified("q=status:error status:success") == parse_qs("status=error&q=status:success")


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("q=workspace:acme,globex", "workspace=acme&workspace=globex"),
        ("q=workspace:acme,nowhere", "q=workspace:acme,nowhere"),
        ("q=-workspace:acme", "q=-workspace:acme"),
        ("workspace=globex&q=workspace:acme", "workspace=globex&q=workspace:acme"),
    ],
)
def test_term_of_workspaces_is_the_filter_where_all_of_them_can_be_chosen(
    typed: str, shown: str
) -> None:
    assert unified(typed, "acme", "globex") == parse_qs(shown)


def test_terms_stay_where_people_are_meant_as_events_name_them() -> None:
    wanted = read("q=user:ann")
    proven = EventFilter(q=wanted.q, terms=wanted.terms, as_written=AsWritten())
    assert unify(proven) is proven


def test_filter_without_a_term_keeps_the_others_as_typed() -> None:
    wanted = read('q=refund  -status:ERROR -user:"Ann Lee"')
    rest = without_term(wanted, wanted.terms[1])
    assert rest.q == 'refund -user:"Ann Lee"'
    args = MultiDict(rest.to_args())
    assert EventFilter.from_args(args, zone=ZoneInfo("UTC"), now=NOW) == rest
