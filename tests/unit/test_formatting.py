from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditsaas.formatting import numbers, times, viewer
from auditsaas.formatting.viewer import Viewer
from tests.support.cases import cases
from tests.support.clocks import ZONES, moments, read_back

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
    assert times.date(AFTERNOON, viewer) == expected[0]
    assert times.short_date(AFTERNOON, viewer) == expected[1]


def test_a_date_is_the_day_it_was_in_the_viewers_zone() -> None:
    tokyo = Viewer(zone=ZoneInfo("Asia/Tokyo"))
    assert times.date(AFTERNOON, tokyo) == "11/20/2026"


def test_plain_date_is_the_same_in_every_zone() -> None:
    assert times.date(date(2026, 11, 19), NEW_YORK) == "11/19/2026"


@pytest.mark.parametrize(
    ("hour", "expected"), [(0, "12:05:09 AM"), (11, "11:05:09 AM"), (12, "12:05:09 PM")]
)
def test_a_twelve_hour_clock_has_no_hour_zero(hour: int, expected: Any) -> None:
    at = datetime(2026, 1, 1, hour, 5, 9, tzinfo=UTC)
    assert times.time(at, Viewer(clock="12")) == expected


def test_milliseconds_are_cut_not_rounded_so_that_no_time_lies_ahead_of_its_event() -> None:
    at = datetime(2026, 1, 1, 23, 59, 59, 999_999, tzinfo=UTC)
    assert times.time(at, viewer.DEFAULT, milliseconds=True) == "23:59:59.999"


def test_a_drawer_time_in_utc_carries_milliseconds_and_its_zone() -> None:
    assert times.utc_text(AFTERNOON, NEW_YORK) == "19:30:12.418 UTC"


def test_recent_time_is_written_today_and_its_date_on_other_days() -> None:
    evening = AFTERNOON + timedelta(hours=9)
    assert times.recent(AFTERNOON, evening, NEW_YORK) == "14:30:12 EST"
    assert times.recent(AFTERNOON, evening, viewer.DEFAULT) == "11/19/2026"


def test_utc_time_has_its_date_if_that_differs() -> None:
    tokyo = Viewer(zone=ZoneInfo("Asia/Tokyo"), date_format="YYYY-MM-DD")
    assert times.utc_text(AFTERNOON, tokyo) == "2026-11-19 19:30:12.418 UTC"


def test_viewer_in_utc_gets_one_time_only() -> None:
    assert times.utc_text(AFTERNOON, viewer.DEFAULT) == ""


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("America/New_York", "EST"),
        ("America/Sao_Paulo", "UTC−3"),
        ("Asia/Kathmandu", "UTC+5:45"),
        ("UTC", "UTC"),
    ],
)
def test_zone_is_shown_by_its_letters_else_by_its_offset(zone: str, expected: Any) -> None:
    assert times.zone_letters(AFTERNOON, Viewer(zone=ZoneInfo(zone))) == expected


def test_the_letters_are_those_of_the_time_and_not_of_today() -> None:
    july = datetime(2026, 7, 1, tzinfo=UTC)
    assert times.zone_letters(july, NEW_YORK) == "EDT"
    assert times.stamp(july, NEW_YORK) == "06/30/2026 20:00:00 EDT"


def test_the_two_hours_of_a_change_night_differ() -> None:
    first = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    shown = [times.stamp(first + timedelta(hours=n), NEW_YORK) for n in (0, 1)]
    assert shown == ["11/01/2026 01:30:00 EDT", "11/01/2026 01:30:00 EST"]


def test_letters_that_stood_for_two_offsets_give_way_to_the_offset() -> None:
    moscow = Viewer(zone=ZoneInfo("Europe/Moscow"))
    before = datetime(2014, 10, 25, 21, 30, tzinfo=UTC)
    shown = [times.stamp(before + timedelta(hours=n), moscow) for n in (0, 1)]
    assert shown == ["10/26/2014 01:30:00 UTC+4", "10/26/2014 01:30:00 UTC+3"]


@pytest.mark.parametrize("date_format", viewer.DATE_PATTERNS)
@pytest.mark.parametrize("zone", ZONES)
@given(data=st.data())
@settings(max_examples=cases(5))
def test_shown_time_identifies_its_instant(zone: str, date_format: Any, data: Any) -> None:
    at = data.draw(moments(zone))
    shown = times.stamp(at, Viewer(zone=ZoneInfo(zone), date_format=date_format))
    pattern = f"{viewer.DATE_PATTERNS[date_format][0]} %H:%M:%S"
    assert read_back(shown, ZoneInfo(zone), pattern) == at


@given(zone=st.sampled_from(sorted(available_timezones())), data=st.data())
@settings(max_examples=cases(20))
def test_letters_lead_back_in_every_zone(zone: str, data: Any) -> None:
    at = data.draw(moments(zone))
    assert read_back(times.stamp(at, Viewer(zone=ZoneInfo(zone))), ZoneInfo(zone)) == at


def test_a_row_in_utc_needs_no_letters_under_its_heading() -> None:
    assert times.row_stamp(AFTERNOON, viewer.DEFAULT) == "11/19/2026 19:30:12"
    assert times.row_stamp(AFTERNOON, NEW_YORK) == "11/19/2026 14:30:12 EST"


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("America/New_York", "New York"), ("America/Indiana/Knox", "Knox"), ("Etc/UTC", "UTC")],
)
def test_heading_names_the_place(zone: str, expected: str) -> None:
    assert times.place(Viewer(zone=ZoneInfo(zone))) == expected


def test_each_end_of_an_interval_has_its_own_letters() -> None:
    start, end = datetime(2026, 10, 24, 4, tzinfo=UTC), datetime(2026, 11, 2, 5, tzinfo=UTC)
    expected = "10/24/2026 00:00:00 EDT to 11/02/2026 00:00:00 EST"
    assert times.interval(start, end, NEW_YORK) == expected


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("America/New_York", "New York, EST (UTC−5)"),
        ("America/Sao_Paulo", "Sao Paulo, UTC−3"),
        ("UTC", "UTC"),
    ],
)
def test_where_times_are_typed_the_zone_is_named_in_full(zone: str, expected: Any) -> None:
    assert times.zone_name(AFTERNOON, Viewer(zone=ZoneInfo(zone))) == expected


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
def test_relative_time_uses_one_unit(seconds: float, expected: Any) -> None:
    assert times.relative(AFTERNOON - timedelta(seconds=seconds), AFTERNOON) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1284, "1,284 ms"), (86_400_000, "86,400,000 ms"), (0.42, "0.4 ms"), (9, "9 ms"), (None, "")],
)
def test_durations_are_shown_in_milliseconds(value: Any, expected: Any) -> None:
    assert numbers.milliseconds(value) == expected


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
def test_file_sizes_are_rounded(count: Any, expected: Any) -> None:
    assert numbers.size(count) == expected


def test_numbers_are_grouped_and_missing_ones_empty() -> None:
    assert numbers.number(12345) == "12,345"
    assert numbers.number(None) == ""


def test_share_of_zero_is_zero() -> None:
    assert numbers.percent(340, 9530) == "3.6%"
    assert numbers.percent(0, 0) == "0.0%"


@pytest.mark.parametrize(
    ("days", "words"),
    [(1, "1 day"), (90, "90 days"), (365, "1 year"), (366, "366 days"), (2555, "7 years")],
)
def test_a_period_is_in_years_where_they_are_whole(days: int, words: str) -> None:
    assert numbers.period(days) == words
