"""How a person reads dates, numbers, durations and sizes; the only place where zones appear."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

from auditsaas.visible_text import visible

if TYPE_CHECKING:
    from flask import Flask

DateFormat = Literal["MM/DD/YYYY", "DD/MM/YYYY", "YYYY-MM-DD"]
Clock = Literal["24", "12"]
Theme = Literal["auto", "light", "dark"]
Density = Literal["comfortable", "compact"]

DATE_PATTERNS: Final[dict[str, tuple[str, str]]] = {
    "MM/DD/YYYY": ("%m/%d/%Y", "%m/%d"),
    "DD/MM/YYYY": ("%d/%m/%Y", "%d/%m"),
    "YYYY-MM-DD": ("%Y-%m-%d", "%m-%d"),
}
RELATIVE_STEPS: Final = ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h"))
SIZE_UNITS: Final = ("KB", "MB", "GB", "TB")
MINUS: Final = "\N{MINUS SIGN}"


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """How one person wants to read the pages."""

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    date_format: DateFormat = "MM/DD/YYYY"
    clock: Clock = "24"
    theme: Theme = "auto"
    density: Density = "comfortable"
    single_key_shortcuts: bool = True
    hidden_columns: frozenset[str] = frozenset()


DEFAULT: Final = Viewer()


def date(at: datetime | dt.date, viewer: Viewer) -> str:
    """`11/19/2026`. A datetime is moved to the viewer's zone; a date is taken as it is."""
    return _local_date(at, viewer).strftime(DATE_PATTERNS[viewer.date_format][0])


def short_date(at: datetime | dt.date, viewer: Viewer) -> str:
    """`11/19`: where the year is clear from its surroundings."""
    return _local_date(at, viewer).strftime(DATE_PATTERNS[viewer.date_format][1])


def time(at: datetime, viewer: Viewer, milliseconds: bool = False) -> str:
    """`14:32:09`, `14:32:09.418` or `2:32:09 PM`."""
    local = at.astimezone(viewer.zone)
    fraction = f".{local.microsecond // 1000:03}" if milliseconds else ""
    if viewer.clock == "12":
        return (
            f"{local.hour % 12 or 12}:{local:%M:%S}{fraction} {'AM' if local.hour < 12 else 'PM'}"
        )
    return f"{local:%H:%M:%S}{fraction}"


def minute(at: datetime, viewer: Viewer) -> str:
    """`14:32` or `2:32 PM`."""
    local = at.astimezone(viewer.zone)
    if viewer.clock == "12":
        return f"{local.hour % 12 or 12}:{local:%M} {'AM' if local.hour < 12 else 'PM'}"
    return f"{local:%H:%M}"


def zone_label(viewer: Viewer, at: datetime) -> str:
    """`EST`, or `UTC−3` where the zone has no letters of its own."""
    name = at.astimezone(viewer.zone).tzname() or ""
    return name if name.isalpha() else _utc_offset(viewer, at)


def zone_name(viewer: Viewer, at: datetime) -> str:
    """`New York, EST (UTC−5)`: the zone in full, for where times are typed."""
    label = zone_label(viewer, at)
    if viewer.zone.key == "UTC":
        return label
    city = viewer.zone.key.rsplit("/", 1)[-1].replace("_", " ")
    offset = _utc_offset(viewer, at)
    return f"{city}, {offset}" if label == offset else f"{city}, {label} ({offset})"


def relative(at: datetime, now: datetime) -> str:
    """`9 s ago`, `2 min ago`, `16 h ago`, `3 d ago`, `in 2 min`."""
    seconds = (now - at).total_seconds()
    ago = f"{_span(abs(seconds))} ago" if seconds >= 0 else f"in {_span(-seconds)}"
    return "now" if abs(seconds) < 1 else ago


def number(value: float | None) -> str:
    """`12,345`; nothing for None."""
    return "" if value is None else f"{round(value):,}"


def milliseconds(value: float | None) -> str:
    """`1,284 ms`, never `1.3 s`; `0.4 ms` below ten; nothing for None."""
    if value is None:
        return ""
    text = f"{value:.1f}".removesuffix(".0") if value < 10 else f"{round(value):,}"
    return f"{text} ms"


def size(count: int | None) -> str:
    """Bytes as `214 KB` or `1.4 MB`, in thousands; nothing for None."""
    if count is None:
        return ""
    if count < 1000:
        return f"{count} B"
    value = count / 1000
    for unit in SIZE_UNITS:
        if value < 999.5 or unit == SIZE_UNITS[-1]:
            break
        value /= 1000
    return f"{value:,.0f} {unit}" if unit == "KB" or value >= 100 else f"{value:,.1f} {unit}"


def percent(part: float, whole: float) -> str:
    """`3.6%`; `0.0%` of nothing."""
    return f"{100 * part / whole if whole else 0:.1f}%"


def period(days: int) -> str:
    """`7 years`, `90 days`: in years where they are whole ones."""
    n, unit = (days // 365, "year") if days % 365 == 0 else (days, "day")
    return f"{n:,} {unit}" if n == 1 else f"{n:,} {unit}s"


def utc_text(at: datetime, viewer: Viewer) -> str:
    """`19:30:12.418 UTC`, with its date where that is another than the viewer's; nothing for a
    viewer in UTC."""
    if viewer.zone.key == "UTC":
        return ""
    day = f"{at.astimezone(UTC):{DATE_PATTERNS[viewer.date_format][0]}} "
    same = day.strip() == date(at, viewer)
    return f"{'' if same else day}{time(at, DEFAULT, milliseconds=True)} UTC"


def install(app: Flask) -> None:
    """Registers the functions above as Jinja filters, and ``now()``."""
    app.add_template_filter(date, "date")
    app.add_template_filter(short_date, "short_date")
    app.add_template_filter(time, "time")
    app.add_template_filter(minute, "minute")
    app.add_template_filter(_zone_label_at, "zone")
    app.add_template_filter(_zone_name_at, "zone_name")
    app.add_template_filter(_relative_to_now, "relative")
    app.add_template_filter(number, "number")
    app.add_template_filter(milliseconds, "ms")
    app.add_template_filter(size, "size")
    app.add_template_filter(percent, "percent")
    app.add_template_filter(period, "period")
    app.add_template_filter(utc_text, "utc_text")
    app.add_template_filter(_plain_number, "plain_number")
    app.add_template_filter(_visible_text, "visible")
    app.add_template_global(_now, "now")


def _local_date(at: datetime | dt.date, viewer: Viewer) -> dt.date:
    return at.astimezone(viewer.zone).date() if isinstance(at, datetime) else at


def _utc_offset(viewer: Viewer, at: datetime) -> str:
    offset = at.astimezone(viewer.zone).utcoffset() or timedelta()
    minutes = round(offset.total_seconds() / 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{MINUS if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}"


def _span(seconds: float) -> str:
    for limit, unit, name in RELATIVE_STEPS:
        if seconds < limit:
            return f"{int(seconds // unit)} {name}"
    return f"{int(seconds // 86400):,} d"


def _now() -> datetime:
    return datetime.now(UTC)


def _relative_to_now(at: datetime, now: datetime | None = None) -> str:
    return relative(at, now or _now())


def _zone_label_at(at: datetime, viewer: Viewer) -> str:
    return zone_label(viewer, at)


def _zone_name_at(at: datetime, viewer: Viewer) -> str:
    return zone_name(viewer, at)


def _plain_number(value: float | None) -> str:
    """As it is typed into a field: `1500`, `0.5`; nothing for None."""
    return "" if value is None else f"{value:.6f}".rstrip("0").rstrip(".")


def _visible_text(value: object) -> str:
    return visible(str(value))
