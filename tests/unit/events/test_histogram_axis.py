"""Labels beneath the histogram's bars."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from auditsaas.events.filter.period import TimeRange
from auditsaas.events.reading.histogram import Bar, Histogram, bar_edges
from auditsaas.formatting.viewer import Viewer
from auditsaas.pages.audit_log.histogram_chart import MAX_TICKS, WIDTHS, axis, scale_end, spans

END = datetime(2026, 11, 19, 14, 30, tzinfo=UTC)


def labels(start: datetime, end: datetime, zone: str) -> tuple[list[str], tuple[Bar, ...]]:
    edges, step = bar_edges(start, end, ZoneInfo(zone))
    bars = tuple(Bar(a, b, 1, 0) for a, b in pairwise(edges))
    ticks = axis(Histogram(bars, step), Viewer(zone=ZoneInfo(zone)))
    return [f"{tick['weekday']} {tick['label']}".strip() for tick in ticks], bars


def test_a_week_of_hours_has_a_label_at_the_start_of_each_day() -> None:
    found, bars = labels(datetime(2026, 11, 13, tzinfo=UTC), END, "UTC")
    marked = {place: label for place, label in enumerate(found) if label}
    assert list(marked.values()) == [
        "Fri 11/13", "Sat 11/14", "Sun 11/15", "Mon 11/16", "Tue 11/17", "Wed 11/18", "Thu 11/19",
    ]  # fmt: skip
    assert all(bars[place].start.hour == 0 for place in marked)


def test_days_start_at_local_midnight_of_the_viewer() -> None:
    start = datetime(2026, 10, 31, 4, tzinfo=UTC)
    found, bars = labels(start, start + timedelta(days=4), "America/New_York")
    places = [place for place, label in enumerate(found) if label]
    zone = ZoneInfo("America/New_York")
    assert [bars[place].start.astimezone(zone).hour for place in places] == [0] * len(places)
    assert len(places) == 4


@pytest.mark.parametrize("days", [0.02, 0.5, 1, 3, 9, 30, 90, 120, 365, 4000])
def test_axis_labels_match_the_bars_and_stay_few(days: float) -> None:
    found, bars = labels(END - timedelta(days=days), END, "Europe/Berlin")
    assert len(found) == len(bars)
    assert 1 <= sum(map(bool, found)) <= MAX_TICKS


def test_hours_of_a_change_night_carry_their_letters() -> None:
    start = datetime(2026, 10, 24, 23, tzinfo=UTC)
    found, _ = labels(start, start + timedelta(hours=4), "Europe/Berlin")
    assert [label for label in found if label.startswith("02:00")] == ["02:00 CEST", "02:00 CET"]


@pytest.mark.parametrize("size", WIDTHS)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("days", [0.02, 0.5, 1, 3, 7, 9, 30, 90, 120, 365, 4000])
def test_labels_of_each_size_of_chart_stand_apart_and_within_it(
    size: str, zone: str, days: float
) -> None:
    edges, step = bar_edges(END - timedelta(days=days), END, ZoneInfo(zone))
    bars = tuple(Bar(a, b, 1, 0) for a, b in pairwise(edges))
    ticks = axis(Histogram(bars, step), Viewer(zone=ZoneInfo(zone), clock="12"))
    ends = 0.0
    shown = [
        (p, t) for p, t in enumerate(ticks) if t["label"] and size in ("", *t["sizes"].split())
    ]
    assert shown
    for place, tick in shown:
        start = place / len(ticks) * WIDTHS[size]
        assert start >= ends
        words = tick["label"] if size else f"{tick['weekday']} {tick['label']}".strip()
        ends = start + 6.8 * len(words) + 8
    assert ends - 8 <= WIDTHS[size]


@pytest.mark.parametrize(
    ("highest", "scale"),
    [(0, 1), (1, 1), (7, 7), (10, 10), (11, 12), (38, 40), (61, 80), (101, 120), (2300, 2500)],
)
def test_scale_ends_at_a_round_number_just_above_the_highest_bar(highest: int, scale: int) -> None:
    assert scale_end(highest) == scale


def test_highest_bar_uses_three_quarters_of_the_height() -> None:
    assert all(highest <= scale_end(highest) <= highest / 0.75 for highest in range(1, 20_000))


@pytest.mark.parametrize(
    ("days", "first"),
    [
        (0.02, ["2026-11-19T14:01:12Z", "Thu 11/19 14:01", "Thu 11/19 14:02"]),
        (3, ["2026-11-16T14:30:00Z", "Mon 11/16 14:00", "Mon 11/16 15:00"]),
        (60, ["2026-09-20T14:30:00Z", "Sun 09/20/2026", "Sun 09/20/2026"]),
        (365, ["2025-11-19T14:30:00Z", "Mon 11/17/2025", "Sun 11/23/2025"]),
    ],
)
def test_span_of_a_bar_begins_within_the_period_and_is_worded(
    days: float, first: list[str]
) -> None:
    period = TimeRange(END - timedelta(days=days), END)
    assert period.start is not None
    edges, step = bar_edges(period.start, END, ZoneInfo("UTC"))
    found = Histogram(tuple(Bar(a, b, 1, 0) for a, b in pairwise(edges)), step)
    assert spans(found, period, Viewer(zone=ZoneInfo("UTC")))[0] == first
