"""Filters that read alike are one, and those that do not stay apart."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from werkzeug.datastructures import MultiDict

from auditsaas.events.filter.canonical import canonical, reaches
from auditsaas.events.filter.event_filter import EventFilter

NOW = datetime(2026, 11, 19, 12, tzinfo=UTC)


def read(query: str, zone: str = "UTC") -> EventFilter:
    return EventFilter.from_args(MultiDict(parse_qsl(query)), zone=ZoneInfo(zone), now=NOW)


def written(query: str, zone: str = "UTC") -> str:
    return canonical(read(query, zone)).query_string()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("status=error", "q=status:error"),
        ("status=error", "q=status:ERROR status:error"),
        ("status=error&q=refund", "q=Refund status:error"),
        ("status=error&q=refund", 'status=error&q=status:error "refund"'),
        ("status=error&status=success", ""),
        ("activity=a.b&activity=c.d", "q=activity:c.d,a.b"),
        ("method=POST&method=GET", "method=GET&method=POST"),
        ("user=Ann", "q=user:Ann"),
        ("ip=10.0.0.0/8", "q=ip:10.0.0.0/8"),
        ("min_ms=500", "q=ms:>=500"),
        ("q=one two", "q=two one  one"),
        ("q=path:/A/*", "q=path:/a/*"),
        ("workspace=acme&status=error", "status=error"),
        ("q=workspace:acme status:error", "status=error"),
        ("from=2026-11-01T00:00:00Z", "from=2026-11-01T01:00:00%2B01:00"),
        ("from=2026-11-01&to=2026-11-02", "from=2026-11-01T00:00:00Z&to=2026-11-03T00:00:00Z"),
    ],
)
def test_filters_of_one_meaning_have_one_spelling(one: str, other: str) -> None:
    assert written(one) == written(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("status=error", "q=-status:error"),
        ("status=error", "status=success"),
        ("status=error&q=status:success", "status=error"),
        ("min_ms=500", "q=ms:>500"),
        ("browser=Firefox", "q=browser:Firefox"),
        ("q=status:error status:success", "q=status:error,success"),
        ("q=meta.plan:pro", "q=meta.plan:free"),
        ("activity=a.b", "activity=A.b"),
    ],
)
def test_filters_of_two_meanings_stay_two(one: str, other: str) -> None:
    assert written(one) != written(other)


@pytest.mark.parametrize(
    "query",
    [
        'status=error&user=Ann&q=-path:/a/* "two words" ms:>500&range=last_7_days',
        "activity=user.*&method=POST&min_ms=1.5&from=2026-11-01&to=2026-11-05",
        'q=meta.plan:"a b" has:changes code:4xx target:inv_42',
    ],
)
def test_canonical_query_reads_back_as_itself(query: str) -> None:
    assert written(written(query)) == written(query)


def test_dates_of_two_zones_are_two_filters() -> None:
    assert written("from=2026-11-01", "Europe/Berlin") != written("from=2026-11-01", "UTC")


@pytest.mark.parametrize(
    ("query", "reached"),
    [
        ("", True),
        ("workspace=acme", True),
        ("workspace=globex", False),
        ("workspace=acme&workspace=globex", True),
        ("q=workspace:globex", False),
        ("q=-workspace:acme", False),
        ("q=-workspace:globex", True),
    ],
)
def test_filter_reaches_the_workspaces_that_it_leaves(query: str, reached: bool) -> None:
    assert reaches(read(query), "acme") is reached
