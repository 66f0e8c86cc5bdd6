"""When reports are due and what they cover, in every zone and over every change of a clock."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditsaas.schedules.timetable import Frequency, Timetable

ZONES = sorted(available_timezones())
moments = st.timedeltas(timedelta(), timedelta(days=365 * 65)).map(
    lambda since: datetime(1972, 1, 1, tzinfo=UTC) + since
)
timetables = st.builds(
    Timetable,
    frequency=st.sampled_from(Frequency),
    weekday=st.integers(0, 6),
    month_day=st.integers(1, 31),
    at=st.builds(time, st.integers(0, 23), st.integers(0, 59)),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
)


def local(year: int, month: int, day: int, hour: int = 0, zone: str = "UTC") -> datetime:
    return datetime(year, month, day, hour, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def weekly(zone: str, at: time = time(8)) -> Timetable:
    return Timetable(frequency=Frequency.WEEKLY, at=at, zone=ZoneInfo(zone))


@given(timetables, moments)
@example(weekly("Pacific/Apia"), datetime(2011, 12, 29, tzinfo=UTC))  # no 30 December there
@example(weekly("America/Sao_Paulo", time(0)), datetime(2018, 11, 1, tzinfo=UTC))  # no midnight
@example(weekly("America/Havana", time(0)), datetime(2023, 11, 1, tzinfo=UTC))  # midnight twice
def test_windows_adjoin_and_each_ends_before_its_report_is_due(
    timetable: Timetable, moment: datetime
) -> None:
    due = timetable.due_after(moment)
    runs = timetable.next_runs(8, due, timetable.window_before(timetable.window_end(due)))
    assert runs[0].due > moment
    for run in runs:
        start, end = run.window.start, run.window.end
        assert start is not None
        assert end is not None
        assert start < end <= run.due
    for earlier, later in pairwise(runs):
        assert earlier.window.end == later.window.start
        assert earlier.due < later.due


@given(timetables, moments)
def test_a_window_ends_where_a_local_day_begins(timetable: Timetable, moment: datetime) -> None:
    end = timetable.window_end(timetable.due_after(moment))
    before = (end - timedelta(microseconds=1)).astimezone(timetable.zone)
    assert before.date() < end.astimezone(timetable.zone).date()


@given(timetables, moments, moments)
def test_no_due_time_is_skipped_from_any_starting_point(
    timetable: Timetable, first: datetime, second: datetime
) -> None:
    """The next due time does not depend on the reports before it."""
    early, late = sorted((first, first + (second - first) / 400))
    due = timetable.due_after(early)
    while due <= late:
        due = timetable.due_after(due)
    assert due == timetable.due_after(late)


@given(timetables, timetables, moments, moments)
def test_changed_frequency_continues_where_the_last_report_ended(
    before: Timetable, after: Timetable, moment: datetime, later: datetime
) -> None:
    covered = before.window_end(before.due_after(moment))
    due = after.due_covering(max(moment, later), covered)
    (run,) = after.next_runs(1, due, covered)
    assert run.window.start == covered
    assert run.window.end is not None
    assert run.window.end > covered


@pytest.mark.parametrize(("month", "day"), [(1, 31), (2, 28), (3, 31), (4, 30), (6, 30), (12, 31)])
def test_the_31st_means_the_last_day_of_a_shorter_month(month: int, day: int) -> None:
    timetable = Timetable(
        frequency=Frequency.MONTHLY, month_day=31, at=time(8), zone=ZoneInfo("UTC")
    )
    assert timetable.due_after(local(2026, month, 1)) == local(2026, month, day, 8)


def test_a_monthly_report_covers_the_month_before() -> None:
    timetable = Timetable(
        frequency=Frequency.MONTHLY, month_day=5, at=time(8), zone=ZoneInfo("America/New_York")
    )
    due = timetable.due_after(local(2026, 3, 20))
    end = timetable.window_end(due)
    assert end == local(2026, 4, 1, zone="America/New_York")
    assert timetable.window_before(end) == local(2026, 3, 1, zone="America/New_York")


def test_a_quarterly_report_is_due_in_the_first_month_of_a_quarter() -> None:
    timetable = Timetable(
        frequency=Frequency.QUARTERLY, month_day=2, at=time(8), zone=ZoneInfo("UTC")
    )
    due = timetable.due_after(local(2026, 11, 23))
    assert due == local(2027, 1, 2, 8)
    assert timetable.window_end(due) == local(2027, 1, 1)
    assert timetable.window_before(local(2027, 1, 1)) == local(2026, 10, 1)


def test_local_hour_of_a_report_stays_across_clock_changes() -> None:
    timetable = Timetable(frequency=Frequency.DAILY, at=time(8), zone=ZoneInfo("America/New_York"))
    saturday = timetable.due_after(local(2026, 3, 7, zone="America/New_York"))
    sunday = timetable.due_after(saturday)
    assert (sunday - saturday) == timedelta(hours=23)
    window = timetable.window_end(timetable.due_after(sunday)) - timetable.window_end(sunday)
    assert window == timedelta(hours=23)


def test_skipped_local_time_moves_later_by_the_gap() -> None:
    timetable = Timetable(
        frequency=Frequency.DAILY, at=time(2, 30), zone=ZoneInfo("America/New_York")
    )
    due = timetable.due_after(local(2026, 3, 8, zone="America/New_York"))
    assert due.astimezone(timetable.zone).time() == time(3, 30)


def test_ambiguous_local_time_is_the_first_instant() -> None:
    timetable = Timetable(
        frequency=Frequency.DAILY, at=time(1, 30), zone=ZoneInfo("America/New_York")
    )
    due = timetable.due_after(local(2026, 11, 1, zone="America/New_York"))
    assert due == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert timetable.due_after(due).date().day == 2
