"""Registers the formatting functions as filters of templates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from auditsaas.formatting import numbers, times
from auditsaas.formatting.viewer import Viewer
from auditsaas.formatting.visible_text import visible

if TYPE_CHECKING:
    from flask import Flask


def _now() -> datetime:
    return datetime.now(UTC)


def _relative_to_now(at: datetime, now: datetime | None = None) -> str:
    return times.relative(at, now or _now())


def _recent(at: datetime, viewer: Viewer) -> str:
    return times.recent(at, _now(), viewer)


def _visible_text(value: object) -> str:
    return visible(str(value))


FILTERS = {
    "date": times.date,
    "short_date": times.short_date,
    "time": times.time,
    "minute": times.minute,
    "stamp": times.stamp,
    "row_time": times.row_time,
    "zone": times.zone_letters,
    "row_zone": times.row_letters,
    "zone_name": times.zone_name,
    "utc_text": times.utc_text,
    "relative": _relative_to_now,
    "recent": _recent,
    "place": times.place,
    "number": numbers.number,
    "plain_number": numbers.plain_number,
    "ms": numbers.milliseconds,
    "size": numbers.size,
    "percent": numbers.percent,
    "period": numbers.period,
    "visible": _visible_text,
}


def install(app: Flask) -> None:
    """Register the filters, and ``now()``."""
    app.jinja_env.filters.update(FILTERS)
    app.add_template_global(_now, "now")
