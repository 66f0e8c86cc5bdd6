"""The period in words: what is chosen, the presets, and the days that they mean."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from auditsaas.events.filter.period import PRESETS, TimeRange, dates, preset_of_day
from auditsaas.events.filter.reader import ALL_TIME, CUSTOM
from auditsaas.formatting import times
from auditsaas.formatting.viewer import DateFormat, Viewer


def label(chosen: str | None) -> str:
    if chosen in PRESETS:
        return PRESETS[chosen]
    return "Custom Range" if chosen == CUSTOM else "All Time"


def presets(chosen: str | None, viewer: Viewer, now: datetime) -> list[dict[str, Any]]:
    """List the choices of the control, each with the days that it means now."""
    days = _preset_dates(viewer.zone, viewer.date_format, now.astimezone(viewer.zone).date())
    return [
        {
            "key": key,
            "label": label(key),
            "dates": days.get(key, ""),
            "checked": key == (chosen or ALL_TIME),
        }
        for key in (ALL_TIME, *PRESETS, CUSTOM)
    ]


@lru_cache(maxsize=256)
def _preset_dates(zone: ZoneInfo, date_format: DateFormat, today: date) -> dict[str, str]:
    """Write the days of every preset; each page shows them, and they change once a day."""
    viewer = Viewer(zone=zone, date_format=date_format)
    return {
        key: written(preset_of_day(key, zone, today), viewer, times.short_date) for key in PRESETS
    }


def written(period: TimeRange, viewer: Viewer, write: Callable[..., str]) -> str:
    """Write the period's first and last day with ``write``; '' for all time."""
    first, last = dates(period, viewer.zone)
    if first is None and last is None:
        return ""
    if first is None:
        return f"until {write(last, viewer)}"
    if last is None:
        return f"since {write(first, viewer)}"
    if last - first < timedelta(days=1):
        return write(first, viewer)
    return f"{write(first, viewer)} – {write(last, viewer)}"
