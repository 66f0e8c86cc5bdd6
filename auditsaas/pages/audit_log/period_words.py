"""The period in words: what is chosen, the presets, and the days that they mean."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from auditsaas.events.filter.period import PRESETS, TimeRange, dates, preset
from auditsaas.events.filter.reader import CUSTOM
from auditsaas.formatting import times
from auditsaas.formatting.viewer import Viewer


def label(chosen: str | None) -> str:
    if chosen in PRESETS:
        return PRESETS[chosen]
    return "Custom range" if chosen == CUSTOM else "All time"


def presets(chosen: str | None, viewer: Viewer, now: datetime) -> list[dict[str, Any]]:
    """List the choices of the control, each with the days that it means now."""
    days = {
        key: written(preset(key, viewer.zone, now), viewer, times.short_date) for key in PRESETS
    }
    return [
        {
            "key": key,
            "label": label(key),
            "dates": days.get(key, ""),
            "checked": key == (chosen or ""),
        }
        for key in ("", *PRESETS, CUSTOM)
    ]


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
