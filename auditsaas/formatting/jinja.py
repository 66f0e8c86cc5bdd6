"""Registers the formatting functions as filters of templates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from auditsaas.formatting import numbers, times
from auditsaas.visible_text import visible

if TYPE_CHECKING:
    from flask import Flask


def install(app: Flask) -> None:
    """Register the filters, and ``now()``."""
    app.add_template_filter(times.date, "date")
    app.add_template_filter(times.short_date, "short_date")
    app.add_template_filter(times.time, "time")
    app.add_template_filter(times.minute, "minute")
    app.add_template_filter(times.stamp, "stamp")
    app.add_template_filter(times.row_time, "row_time")
    app.add_template_filter(times.zone_letters, "zone")
    app.add_template_filter(times.row_letters, "row_zone")
    app.add_template_filter(times.zone_name, "zone_name")
    app.add_template_filter(times.utc_text, "utc_text")
    app.add_template_filter(_relative_to_now, "relative")
    app.add_template_filter(times.place, "place")
    app.add_template_filter(numbers.number, "number")
    app.add_template_filter(numbers.plain_number, "plain_number")
    app.add_template_filter(numbers.milliseconds, "ms")
    app.add_template_filter(numbers.size, "size")
    app.add_template_filter(numbers.percent, "percent")
    app.add_template_filter(numbers.period, "period")
    app.add_template_filter(_visible_text, "visible")
    app.add_template_global(_now, "now")


def _now() -> datetime:
    return datetime.now(UTC)


def _relative_to_now(at: datetime, now: datetime | None = None) -> str:
    return times.relative(at, now or _now())


def _visible_text(value: object) -> str:
    return visible(str(value))
