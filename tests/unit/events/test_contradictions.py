"""What parts of a filter exclude each other is said in words."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from auditsaas.events.filter.contradictions import contradictions
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.text import arguments
from auditsaas.events.filter.unify import unify

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def found(query: str) -> list[str]:
    wanted = EventFilter.from_args(arguments(query), zone=ZoneInfo("UTC"), now=NOW)
    return contradictions(unify(wanted))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("status=success&q=status:error", "Status is Success and Status is Error"),
        ("q=status:error status:success", "Status is Error and Status is Success"),
        ("status=error&q=-status:error", "Status is Error and Status is not Error"),
        ("q=-status:error -status:success", "Status is not Error and Status is not Success"),
        ("method=GET&q=method:POST", "HTTP method is GET and HTTP method is POST"),
        ("role=admin&q=role:member", "Role is Admin and Role is member"),
        ("user=ann&q=-user:ann,bob", "User is ann and User is not ann or bob"),
        ("q=ms:>90 ms:<=90", "Response time is 90 ms or less and Response time is over 90 ms"),
        ("ip=10.0.0.1&q=-ip:10.0.0.1", "IP address is 10.0.0.1 and IP address is not 10.0.0.1"),
    ],
)
def test_statements_that_exclude_each_other_are_named(query: str, words: str) -> None:
    assert found(query) == [words]


def test_beginning_that_is_excluded_contradicts_what_begins_so() -> None:
    [words] = found("activity=user.login&q=-activity:user.*")
    assert words.endswith("is Sign in and Activity type does not start with user.")


@pytest.mark.parametrize(
    "query",
    [
        "q=status:error -activity:user.*",
        "activity=user.*&q=-activity:user.login",
        "user=ann&q=user:bob",
        "user=ann&user=bob&q=-user:ann",
        "ip=10.0.0.0/8&q=ip:10.0.0.1",
        "q=ms:>90 ms:<91",
        "q=browser:chrome browser:firefox",
        "q=-method:GET -method:POST",
    ],
)
def test_statements_that_an_event_can_meet_are_no_contradiction(query: str) -> None:
    assert found(query) == []
