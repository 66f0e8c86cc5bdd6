"""The histogram as the page draws it: bars with addresses and names, and a round axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import TimeRange, instant
from auditsaas.events.reading.histogram import LATEST, Bar, Histogram, histogram
from auditsaas.formatting import times
from auditsaas.formatting.viewer import Viewer
from auditsaas.pages.audit_log.log_scope import LogScope

MAX_TICKS = 8
WIDTHS = {"": 704, "m": 336, "s": 256}
"""The least pixels of bars at which labels stand: those of all, of medium and small charts."""
LETTER = 7
"""Pixels that a letter of a label takes at most, on average."""
APART = 10
STEPS = (10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100)
DAY = timedelta(days=1)
MIDNIGHT = time()
EARLIEST = datetime.min.replace(tzinfo=UTC)


def build(scope: LogScope, chosen: EventFilter, viewer: Viewer, now: datetime) -> dict[str, Any]:
    ids = scope.chosen_ids(chosen.workspace)
    shares = scope.shares()
    found = histogram(scope.session, ids, chosen, viewer.zone, now, shares=shares)
    scope.show_of(shares)
    return {
        "buckets": [_bucket(scope, chosen, viewer, bar, i) for i, bar in enumerate(found.bars)],
        "spans": spans(found, chosen.period, viewer),
        "end": instant(min(found.bars[-1].end, chosen.period.end or LATEST)) if found.bars else "",
        "step_label": found.step,
        "max": scale_end(found.highest),
        "axis": axis(found, viewer),
        "counted_from": found.counted_from,
    }


def spans(found: Histogram, period: TimeRange, viewer: Viewer) -> list[list[str]]:
    """Return where each bar begins, within the period, and its first and last time in words."""
    earliest = period.start or EARLIEST
    return [[instant(max(bar.start, earliest)), *_ends(bar, viewer)] for bar in found.bars]


def _ends(bar: Bar, viewer: Viewer) -> tuple[str, str]:
    """Word a bar's beginning and its end: days by their dates, both included."""
    if bar.end - bar.start >= timedelta(hours=23):
        last = bar.end - timedelta(microseconds=1)
        return _day(bar.start, viewer), _day(last, viewer)
    return _moment(bar.start, viewer), _moment(bar.end, viewer)


def _day(moment: datetime, viewer: Viewer) -> str:
    return f"{moment.astimezone(viewer.zone):%a} {times.date(moment, viewer)}"


def _moment(moment: datetime, viewer: Viewer) -> str:
    day = f"{moment.astimezone(viewer.zone):%a} {times.short_date(moment, viewer)}"
    return f"{day} {times.minute(moment, viewer)}"


def _bucket(
    scope: LogScope, chosen: EventFilter, viewer: Viewer, bar: Bar, index: int
) -> dict[str, Any]:
    narrowed = chosen.with_period(TimeRange(bar.start, bar.end))
    return {
        "index": index,
        "start": bar.start,
        "end": bar.end,
        "success": bar.success,
        "error": bar.error,
        "url": f"{scope.base_url}?{urlencode(narrowed.to_args())}",
        "label": _label(bar, viewer),
    }


def _label(bar: Bar, viewer: Viewer) -> str:
    start = bar.start.astimezone(viewer.zone)
    if bar.end - bar.start >= timedelta(hours=23):
        day = f"{start:%a} {times.date(bar.start, viewer)}"
        if bar.end - bar.start <= timedelta(hours=25):
            return day
        last = bar.end - timedelta(microseconds=1)
        return f"{day} to {times.date(last, viewer)}"
    day = f"{start:%a} {times.short_date(bar.start, viewer)}"
    return f"{day} {times.minutes(bar.start, bar.end, viewer)}"


def scale_end(value: int) -> int:
    """Round up to the end of a scale of which bars use three quarters or more."""
    power = max(0, math.floor(math.log10(max(value, 1))) - 1)
    return next((step * 10**power for step in STEPS if step * 10**power >= value > 10), value or 1)


def axis(found: Histogram, viewer: Viewer) -> list[dict[str, str]]:
    """Label the bars, some emptily, so that each label stands under the start of its own.

    ``sizes`` says at which smaller charts a label stands, too: there, fewer have room.
    """
    labelled = set(_marks(found, viewer))
    write = _writer(found, viewer)
    ticks = [
        write(bar) if place in labelled else {"label": "", "weekday": ""}
        for place, bar in enumerate(found.bars)
    ]
    shown = {size: _with_room(ticks, size) for size in WIDTHS}
    return [
        tick | {"sizes": " ".join(size for size in WIDTHS if place in shown[size]).strip()}
        if place in set().union(*shown.values())
        else {"label": "", "weekday": "", "sizes": ""}
        for place, tick in enumerate(ticks)
    ]


def _writer(found: Histogram, viewer: Viewer) -> Callable[[Bar], dict[str, str]]:
    """Choose what labels say: dates with or without their year, or times."""
    changes = len({times.zone_letters(bar.start, viewer) for bar in found.bars}) > 1
    length = found.bars[-1].end - found.bars[0].start if found.bars else timedelta()

    def write(bar: Bar) -> dict[str, str]:
        if length > 300 * DAY:
            return {"label": times.date(bar.start, viewer), "weekday": ""}
        if length > 2 * DAY:
            weekday = f"{bar.start.astimezone(viewer.zone):%a}"
            return {"label": times.short_date(bar.start, viewer), "weekday": weekday}
        letters = f" {times.zone_letters(bar.start, viewer)}" if changes else ""
        return {"label": f"{times.minute(bar.start, viewer)}{letters}", "weekday": ""}

    return write


def _with_room(ticks: Sequence[dict[str, str]], size: str) -> set[int]:
    """Choose the labels that a chart has room for, from the left."""
    width, taken = WIDTHS[size], 0.0
    chosen = set()
    for place, tick in enumerate(ticks):
        words = f"{tick['weekday']} {tick['label']}".strip() if not size else tick["label"]
        start = place / len(ticks) * width
        end = start + LETTER * len(words)
        if words and start >= taken and end <= width:
            chosen.add(place)
            taken = end + APART
    return chosen


def _marks(found: Histogram, viewer: Viewer) -> list[int]:
    """Choose a few bars to label: the starts of days where bars are hours of several."""
    bars = found.bars
    places = list(range(len(bars)))
    hours = bool(bars) and bars[0].end - bars[0].start < DAY
    if hours and bars[-1].end - bars[0].start > 2 * DAY:
        places = [p for p in places if bars[p].start.astimezone(viewer.zone).time() == MIDNIGHT]
    return places[:: max(1, math.ceil(len(places) / MAX_TICKS))]
