"""The histogram as the page draws it: bars with addresses and names, and a round axis."""

from __future__ import annotations

import math
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.reading.histogram import Bar, Histogram, histogram
from auditsaas.formatting import times
from auditsaas.formatting.viewer import Viewer
from auditsaas.pages.audit_log.log_scope import LogScope

MAX_TICKS = 8
LAST_MARK = 0.94
DAY = timedelta(days=1)
MIDNIGHT = time()


def build(scope: LogScope, chosen: EventFilter, viewer: Viewer, now: datetime) -> dict[str, Any]:
    ids = scope.chosen_ids(chosen.workspace)
    shares = scope.shares()
    found = histogram(scope.session, ids, chosen, viewer.zone, now, shares=shares)
    scope.show_of(shares)
    return {
        "buckets": [_bucket(scope, chosen, viewer, bar, i) for i, bar in enumerate(found.bars)],
        "step_label": found.step,
        "max": _round_up(found.highest),
        "axis": axis(found, viewer),
        "counted_from": found.counted_from,
    }


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


def _round_up(value: int) -> int:
    """Round up to the next of 1, 2, 5, 10, 20, 50 …"""
    if value <= 1:
        return 1
    power = 10 ** math.floor(math.log10(value))
    return next(int(step * power) for step in (1, 2, 5, 10) if step * power >= value)


def axis(found: Histogram, viewer: Viewer) -> list[dict[str, str]]:
    """Label the bars, some emptily, so that each label stands under the start of its own."""
    labelled = set(_marks(found, viewer))
    changes = len({times.zone_letters(bar.start, viewer) for bar in found.bars}) > 1
    days = bool(found.bars) and found.bars[-1].end - found.bars[0].start > 2 * DAY
    years = bool(found.bars) and found.bars[-1].end - found.bars[0].start > 300 * DAY
    axis = []
    for scope, bar in enumerate(found.bars):
        tick = {"label": "", "weekday": ""}
        if scope in labelled and years:
            tick["label"] = times.date(bar.start, viewer)
        elif scope in labelled and days:
            tick["label"] = times.short_date(bar.start, viewer)
            tick["weekday"] = f"{bar.start.astimezone(viewer.zone):%a}"
        elif scope in labelled:
            tick["label"] = times.minute(bar.start, viewer)
            if changes:
                tick["label"] += f" {times.zone_letters(bar.start, viewer)}"
        axis.append(tick)
    return axis


def _marks(found: Histogram, viewer: Viewer) -> list[int]:
    """Choose a few bars to label: the starts of days where bars are hours of several."""
    bars = found.bars
    places = list(range(len(bars)))
    hours = bool(bars) and bars[0].end - bars[0].start < DAY
    if hours and bars[-1].end - bars[0].start > 2 * DAY:
        places = [p for p in places if bars[p].start.astimezone(viewer.zone).time() == MIDNIGHT]
    stride = max(1, math.ceil(len(places) / MAX_TICKS))
    # A label that starts in the last bars has no room left.
    return [scope for scope in places[::stride] if scope == 0 or scope <= len(bars) * LAST_MARK]
