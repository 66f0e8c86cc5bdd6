from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from auditsaas import formatting
from auditsaas.formatting import Viewer

AFTERNOON = datetime(2026, 11, 19, 19, 30, 12, 418_529, tzinfo=UTC)
NEW_YORK = Viewer(zone=ZoneInfo("America/New_York"))


@pytest.mark.parametrize(
    ("date_format", "expected"),
    [
        ("MM/DD/YYYY", ("11/19/2026", "11/19")),
        ("DD/MM/YYYY", ("19/11/2026", "19/11")),
        ("YYYY-MM-DD", ("2026-11-19", "11-19")),
    ],
)
def test_a_date_is_written_as_the_viewer_chose(date_format: Any, expected: Any) -> None:
    viewer = Viewer(date_format=date_format)
    assert formatting.date(AFTERNOON, viewer) == expected[0]
    assert formatting.short_date(AFTERNOON, viewer) == expected[1]


def test_a_date_is_the_day_it_was_in_the_viewers_zone() -> None:
    tokyo = Viewer(zone=ZoneInfo("Asia/Tokyo"))
    assert formatting.date(AFTERNOON, tokyo) == "11/20/2026"


def test_a_plain_date_belongs_to_no_zone() -> None:
    assert formatting.date(date(2026, 11, 19), NEW_YORK) == "11/19/2026"


@pytest.mark.parametrize(
    ("hour", "expected"), [(0, "12:05:09 AM"), (11, "11:05:09 AM"), (12, "12:05:09 PM")]
)
def test_a_twelve_hour_clock_has_no_hour_zero(hour: int, expected: Any) -> None:
    at = datetime(2026, 1, 1, hour, 5, 9, tzinfo=UTC)
    assert formatting.time(at, Viewer(clock="12")) == expected


def test_milliseconds_are_cut_not_rounded_so_that_no_time_lies_ahead_of_its_event() -> None:
    at = datetime(2026, 1, 1, 23, 59, 59, 999_999, tzinfo=UTC)
    assert formatting.time(at, formatting.DEFAULT, milliseconds=True) == "23:59:59.999"


def test_a_drawer_time_in_utc_carries_milliseconds_and_its_zone() -> None:
    assert formatting.utc_text(AFTERNOON, NEW_YORK) == "19:30:12.418 UTC"


def test_utc_names_its_date_where_that_is_another() -> None:
    tokyo = Viewer(zone=ZoneInfo("Asia/Tokyo"), date_format="YYYY-MM-DD")
    assert formatting.utc_text(AFTERNOON, tokyo) == "2026-11-19 19:30:12.418 UTC"


def test_a_viewer_in_utc_is_not_told_it_twice() -> None:
    assert formatting.utc_text(AFTERNOON, formatting.DEFAULT) == ""


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("America/New_York", "EST"),
        ("America/Sao_Paulo", "UTC−3"),
        ("Asia/Kathmandu", "UTC+5:45"),
        ("UTC", "UTC"),
    ],
)
def test_a_zone_is_told_by_its_letters_or_else_by_its_offset(zone: str, expected: Any) -> None:
    assert formatting.zone_label(Viewer(zone=ZoneInfo(zone)), AFTERNOON) == expected


def test_a_zone_label_follows_daylight_saving() -> None:
    assert formatting.zone_label(NEW_YORK, datetime(2026, 7, 1, tzinfo=UTC)) == "EDT"


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("America/New_York", "New York, EST (UTC−5)"),
        ("America/Sao_Paulo", "Sao Paulo, UTC−3"),
        ("UTC", "UTC"),
    ],
)
def test_where_times_are_typed_the_zone_is_named_in_full(zone: str, expected: Any) -> None:
    assert formatting.zone_name(Viewer(zone=ZoneInfo(zone)), AFTERNOON) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.4, "now"),
        (9, "9 s ago"),
        (59.9, "59 s ago"),
        (120, "2 min ago"),
        (16 * 3600 + 59, "16 h ago"),
        (3 * 86400, "3 d ago"),
        (1200 * 86400, "1,200 d ago"),
        (-150, "in 2 min"),
    ],
)
def test_how_long_ago_is_told_in_one_unit(seconds: float, expected: Any) -> None:
    assert formatting.relative(AFTERNOON - timedelta(seconds=seconds), AFTERNOON) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1284, "1,284 ms"), (86_400_000, "86,400,000 ms"), (0.42, "0.4 ms"), (9, "9 ms"), (None, "")],
)
def test_durations_stay_in_milliseconds(value: Any, expected: Any) -> None:
    assert formatting.milliseconds(value) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (214_000, "214 KB"),
        (999_600, "1.0 MB"),
        (1_400_000, "1.4 MB"),
        (123_400_000, "123 MB"),
        (5 * 10**15, "5,000 TB"),
        (None, ""),
    ],
)
def test_sizes_are_short(count: Any, expected: Any) -> None:
    assert formatting.size(count) == expected


def test_numbers_are_grouped_and_nothing_is_nothing() -> None:
    assert formatting.number(12345) == "12,345"
    assert formatting.number(None) == ""


def test_a_share_of_nothing_is_zero() -> None:
    assert formatting.percent(340, 9530) == "3.6%"
    assert formatting.percent(0, 0) == "0.0%"


@pytest.mark.parametrize(
    ("days", "words"),
    [(1, "1 day"), (90, "90 days"), (365, "1 year"), (366, "366 days"), (2555, "7 years")],
)
def test_a_period_is_in_years_where_they_are_whole(days: int, words: str) -> None:
    assert formatting.period(days) == words
