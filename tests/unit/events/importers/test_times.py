from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditsaas.events.importers.outcome import LineError
from auditsaas.events.importers.times import read_time

MOMENT = datetime(2026, 11, 16, 8, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "microseconds"),
    [
        ("2026-11-16T08:00:00Z", 0),
        ("2026-11-16T10:00:00+02:00", 0),
        ("2026-11-16 08:00:00 +0000", 0),
        ("2026-11-16 08:00:00.5 UTC", 500_000),
        ("2026-11-16T08:00:00,25Z", 250_000),
        ("2026-11-16T08:00:00.123456789Z", 123_456),
        ("2026-11-16T08:00:00.999999999Z", 999_999),
        ("16/Nov/2026:08:00:00 +0000", 0),
        (1794816000, 0),
        (1794816000.25, 250_000),
        (1794816000250, 250_000),
        (1794816000250123, 250_123),
        (1794816000250123456, 250_123),
        ("1794816000.250", 250_000),
    ],
)
def test_every_time_format_is_read(value: object, microseconds: int) -> None:
    assert read_time(value, None) == MOMENT + timedelta(microseconds=microseconds)


def test_time_without_a_zone_uses_the_assumed_zone() -> None:
    text = "2026-07-01 12:00:00"
    assert read_time(text, ZoneInfo("Europe/Berlin")) == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert read_time(text, timezone(timedelta(hours=-5))) == datetime(2026, 7, 1, 17, tzinfo=UTC)


def test_a_zone_that_a_time_names_goes_before_the_assumed_one() -> None:
    assert read_time("2026-11-16T08:00:00Z", ZoneInfo("Europe/Berlin")) == MOMENT


def test_ambiguous_local_time_is_the_earlier_instant() -> None:
    found = read_time("2026-10-25 02:30:00", ZoneInfo("Europe/Berlin"))
    assert found == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_leap_second_is_read_as_the_second_after_it() -> None:
    assert read_time("2016-12-31T23:59:60Z", None) == datetime(2017, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("2026-11-16 08:00:00", "has no zone, and none is assumed"),
        ("redacted", "“redacted” is not a time"),
        ("2026-02-30T00:00:00Z", "is not a time"),
        ("16/Foo/2026:08:00:00 +0000", "is not a time"),
        ("2026-11-16T08:00:00+99:00", "is not a time"),
        ("0000-01-01T00:00:00Z", "is not a time"),
        (None, "has no time"),
        (True, "is not a time"),
        ({"a": 1}, "is not a time"),
        (1e300, "is not a time"),
        (float("inf"), "is not a time"),
        (float("nan"), "is not a time"),
    ],
)
def test_invalid_time_is_refused_with_the_value(value: object, reason: str) -> None:
    with pytest.raises(LineError) as caught:
        read_time(value, None)
    assert reason in caught.value.reason


@given(st.one_of(st.text(), st.floats(), st.integers(), st.none()))
def test_any_value_is_a_time_or_an_error_of_its_line(value: object) -> None:
    try:
        found = read_time(value, UTC)
    except LineError:
        return
    assert found.utcoffset() == timedelta(0)
