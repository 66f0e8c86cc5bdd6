import contextlib
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from auditsaas.events.filter.period import PRESETS, RangeError, TimeRange, custom, dates, preset

NEW_YORK = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
UTC_ZONE = ZoneInfo("UTC")
NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)

zones = st.sampled_from(
    [
        NEW_YORK,
        BERLIN,
        ZoneInfo("Asia/Kathmandu"),
        LORD_HOWE,
        SAO_PAULO,
        ZoneInfo("America/Havana"),
        ZoneInfo("Asia/Beirut"),
        UTC_ZONE,
    ]
)
moments = st.integers(0, 4_000_000_000_000).map(
    lambda milliseconds: datetime(1971, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
)
days = st.dates(date(1971, 1, 1), date(2100, 1, 1))


def bounds(period: TimeRange) -> tuple[datetime, datetime]:
    assert period.start is not None
    assert period.end is not None
    return period.start, period.end


def local_days(period: TimeRange, zone: ZoneInfo) -> tuple[date, date]:
    first, last = dates(period, zone)
    assert first is not None
    assert last is not None
    return first, last


def refusal(
    from_text: str | None, to_text: str | None, zone: ZoneInfo = UTC_ZONE
) -> tuple[str, str]:
    with pytest.raises(RangeError) as caught:
        custom(from_text, to_text, zone)
    return caught.value.field, caught.value.message


@given(zones, moments)
def test_yesterday_ends_at_the_start_of_today(zone: ZoneInfo, now: datetime) -> None:
    assert preset("yesterday", zone, now).end == preset("today", zone, now).start


@given(zones, moments)
def test_today_contains_now(zone: ZoneInfo, now: datetime) -> None:
    start, end = bounds(preset("today", zone, now))
    assert start <= now < end


@given(zones, moments)
def test_last_week_is_the_previous_monday_to_sunday(zone: ZoneInfo, now: datetime) -> None:
    monday, sunday = local_days(preset("last_week", zone, now), zone)
    assert monday.weekday() == 0
    assert sunday - monday == timedelta(days=6)
    assert 1 <= (now.astimezone(zone).date() - sunday).days <= 7


@given(zones, moments)
def test_last_month_is_the_whole_calendar_month_before(zone: ZoneInfo, now: datetime) -> None:
    first, last = local_days(preset("last_month", zone, now), zone)
    today = now.astimezone(zone).date()
    assert first.day == 1
    assert first.month == last.month
    assert last + timedelta(days=1) == today.replace(day=1)


@given(zones, moments)
def test_last_quarter_is_the_whole_calendar_quarter_before(zone: ZoneInfo, now: datetime) -> None:
    first, last = local_days(preset("last_quarter", zone, now), zone)
    today = now.astimezone(zone).date()
    assert (first.day, first.month % 3) == (1, 1)
    assert last.month == first.month + 2
    assert (today.year * 4 + (today.month - 1) // 3) - (first.year * 4 + first.month // 3) == 1
    assert (last + timedelta(days=1)).day == 1


@given(zones, moments, st.sampled_from([7, 30, 90]))
def test_last_days_are_today_and_the_days_before(zone: ZoneInfo, now: datetime, count: int) -> None:
    period = preset(f"last_{count}_days", zone, now)
    first, last = local_days(period, zone)
    assert last == now.astimezone(zone).date()
    assert (last - first).days == count - 1
    assert period.end == preset("today", zone, now).end


@given(zones, moments, st.sampled_from(sorted(PRESETS)))
def test_preset_equals_its_typed_dates(zone: ZoneInfo, now: datetime, key: str) -> None:
    period = preset(key, zone, now)
    first, last = local_days(period, zone)
    assert custom(first.isoformat(), last.isoformat(), zone) == period


@given(zones, days)
def test_date_covers_exactly_its_local_day(zone: ZoneInfo, day: date) -> None:
    start, end = bounds(custom(day.isoformat(), day.isoformat(), zone))
    assert start.astimezone(zone).date() == day
    assert (start - timedelta(microseconds=1)).astimezone(zone).date() < day
    assert end.astimezone(zone).date() > day


@given(zones, days, days)
def test_adjoining_dates_leave_no_gap(zone: ZoneInfo, one: date, other: date) -> None:
    first, last = sorted((one, other))
    assume(first < last)
    whole = custom(first.isoformat(), last.isoformat(), zone)
    left = custom(first.isoformat(), first.isoformat(), zone)
    right = custom((first + timedelta(days=1)).isoformat(), last.isoformat(), zone)
    assert (left.start, left.end, right.end) == (whole.start, right.start, whole.end)


@given(st.text(max_size=40), st.text(max_size=40), zones)
def test_any_text_parses_to_a_range_or_is_refused(
    from_text: str, to_text: str, zone: ZoneInfo
) -> None:
    with contextlib.suppress(RangeError):
        dates(custom(from_text, to_text, zone), zone)


@given(
    st.from_regex(
        r"[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9](:[0-6][0-9]"
        r"(\.[0-9]{1,9})?(Z|[+-][0-2][0-9]:[0-5][0-9])?)?)?",
        fullmatch=True,
    ),
    zones,
)
def test_any_date_like_text_parses_to_a_range_or_is_refused(text: str, zone: ZoneInfo) -> None:
    for from_text, to_text in ((text, None), (None, text), (text, text)):
        try:
            period = custom(from_text, to_text, zone)
        except RangeError:
            continue
        dates(period, zone)


@given(zones, moments)
def test_instant_is_unchanged_by_the_viewers_zone(zone: ZoneInfo, now: datetime) -> None:
    text = now.astimezone(zone).isoformat()
    assume(now.astimezone(zone).utcoffset() % timedelta(minutes=1) == timedelta())  # type: ignore[operator]
    assert custom(text, None, UTC_ZONE).start == now
    assert custom(None, text, UTC_ZONE).end == now


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (NEW_YORK, "2026-03-08", 23),
        (NEW_YORK, "2026-11-01", 25),
        (BERLIN, "2026-03-29", 23),
        (LORD_HOWE, "2026-10-04", 23.5),
        (LORD_HOWE, "2026-04-05", 24.5),
        (SAO_PAULO, "2018-11-04", 23),
        (SAO_PAULO, "2018-02-17", 25),
        (UTC_ZONE, "2026-03-08", 24),
    ],
)
def test_day_length_follows_daylight_saving(zone: ZoneInfo, day: str, hours: float) -> None:
    start, end = bounds(custom(day, day, zone))
    assert end - start == timedelta(hours=hours)


def test_a_day_without_midnight_starts_when_its_clock_starts() -> None:
    start, _ = bounds(custom("2018-11-04", "2018-11-04", SAO_PAULO))
    assert start.astimezone(SAO_PAULO).time() == time(1)


def test_last_7_days_and_last_week_as_the_page_shows_them() -> None:
    assert dates(preset("last_7_days", NEW_YORK, NOON), NEW_YORK) == (
        date(2026, 11, 13),
        date(2026, 11, 19),
    )
    assert dates(preset("last_week", NEW_YORK, NOON), NEW_YORK) == (
        date(2026, 11, 9),
        date(2026, 11, 15),
    )


def test_blank_ends_are_open() -> None:
    assert custom(None, " ", UTC_ZONE) == TimeRange(None, None)
    assert dates(TimeRange(), UTC_ZONE) == (None, None)


def test_a_typed_time_is_read_in_the_viewers_zone_and_its_last_second_belongs() -> None:
    period = custom("11/15/2026 08:00:00", "11/15/2026 23:59:59", NEW_YORK)
    assert period.start == datetime(2026, 11, 15, 13, tzinfo=UTC)
    assert period.end == datetime(2026, 11, 16, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "date_format"),
    [
        ("03/04/2026 2:05:06 PM", "MM/DD/YYYY"),
        ("04/03/2026 14:05:06", "DD/MM/YYYY"),
        ("2026-03-04 14:05:06", "YYYY-MM-DD"),
        ("2026-03-04T14:05:06", "MM/DD/YYYY"),
    ],
)
def test_each_date_format_is_understood(text: str, date_format: str) -> None:
    start = custom(text, None, UTC_ZONE, date_format).start
    assert start == datetime(2026, 3, 4, 14, 5, 6, tzinfo=UTC)


def test_an_ambiguous_time_is_the_first_of_the_two() -> None:
    start = custom("11/01/2026 01:30:00", None, NEW_YORK).start
    assert start == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


def test_a_plus_that_a_query_string_turned_into_a_space_is_understood() -> None:
    start = custom("2026-11-16T12:00:00 02:00", None, NEW_YORK).start
    assert start == datetime(2026, 11, 16, 10, tzinfo=UTC)


def test_first_and_last_year_are_clamped_to_the_range_of_events() -> None:
    period = custom("1970-01-01", "9999-12-31", BERLIN)
    assert period.start == datetime(1970, 1, 1, tzinfo=UTC)
    assert period.end == datetime.max.replace(tzinfo=UTC)
    assert dates(period, BERLIN) == (date(1970, 1, 1), date.max)


@pytest.mark.parametrize(
    ("from_text", "to_text", "field", "message"),
    [
        ("yesterday", None, "from", "From must be a date such as 2026-11-16, not 'yesterday'"),
        (None, "11-16", "to", "To must be a date such as 2026-11-16, not '11-16'"),
        (
            "2026-02-30",
            None,
            "from",
            "From is not a date of the calendar or a time of the clock: '2026-02-30'",
        ),
        ("1969-12-31", None, "from", "From must be in the years 1970 to 9999, not 1969"),
        ("2026-11-16", "2026-11-15", "to", "To (2026-11-15) must be after From (2026-11-16)"),
        (
            "2026-11-16T00:00:00Z",
            "2026-11-16T01:00:00+01:00",
            "to",
            "To (2026-11-16T01:00:00+01:00) must be after From (2026-11-16T00:00:00Z)",
        ),
        (
            None,
            "1970-01-01T00:00:00+05:00",
            "to",
            "To must be after the start of 1970 in UTC",
        ),
    ],
)
def test_invalid_range_is_refused_with_a_sentence(
    from_text: str | None, to_text: str | None, field: str, message: str
) -> None:
    assert refusal(from_text, to_text) == (field, message)


def test_a_time_that_daylight_saving_skips_is_refused() -> None:
    assert refusal("03/08/2026 02:30:00", None, NEW_YORK) == (
        "from",
        "From (03/08/2026 02:30:00) does not exist in America/New_York: its clocks skip it",
    )


def test_a_date_that_the_zone_skipped_is_refused() -> None:
    apia = ZoneInfo("Pacific/Apia")
    assert refusal(None, "2011-12-30", apia)[0] == "to"
    assert refusal("2011-12-30", None, apia)[0] == "from"


def test_an_unknown_preset_is_refused_by_name() -> None:
    with pytest.raises(RangeError, match="not 'fortnight'") as caught:
        preset("fortnight", UTC_ZONE, NOON)
    assert caught.value.field == "range"
