"""Dates and times as a person reads them."""

from __future__ import annotations

import datetime as dt
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

from auditsaas.formatting import zones
from auditsaas.formatting.viewer import DATE_PATTERNS, DEFAULT, Viewer

RELATIVE_STEPS: Final = ((60, 1, "s"), (3600, 60, "min"), (86400, 3600, "h"))


class Moment(NamedTuple):
    """A time in all that a row of the log says of it, under a heading that names the place."""

    iso: str
    date: str
    time: str
    letters: str
    """Those of its zone; '' in UTC."""
    relative: str


def moment(at: datetime, viewer: Viewer, now: datetime) -> Moment:
    """Write a row's time; moved to the viewer's zone once, for a page has hundreds of them."""
    local = at.astimezone(viewer.zone)
    return Moment(
        at.isoformat(),
        _day(local.date(), DATE_PATTERNS[viewer.date_format][0]),
        _clock(local, viewer),
        "" if zones.is_utc(viewer.zone) else zones.letters_of(local, viewer.zone),
        relative(at, now),
    )


def date(at: datetime | dt.date, viewer: Viewer) -> str:
    """Write `11/19/2026`. A datetime is moved to the viewer's zone; a date is taken as it is."""
    return _day(_local_date(at, viewer), DATE_PATTERNS[viewer.date_format][0])


def short_date(at: datetime | dt.date, viewer: Viewer) -> str:
    """Write `11/19`, where the year is clear from its surroundings."""
    return _day(_local_date(at, viewer), DATE_PATTERNS[viewer.date_format][1])


def time(at: datetime, viewer: Viewer, milliseconds: bool = False) -> str:
    """Write `14:32:09`, `14:32:09.418` or `2:32:09 PM`."""
    local = at.astimezone(viewer.zone)
    return _clock(local, viewer, f".{local.microsecond // 1000:03}" if milliseconds else "")


def minute(at: datetime, viewer: Viewer) -> str:
    """Write `14:32` or `2:32 PM`."""
    local = at.astimezone(viewer.zone)
    if viewer.clock == "12":
        return f"{local.hour % 12 or 12}:{local:%M} {'AM' if local.hour < 12 else 'PM'}"
    return f"{local:%H:%M}"


def zone_letters(at: datetime, viewer: Viewer) -> str:
    """Write `EST`, or `UTC−3`: with the date and the time, exactly one instant."""
    return zones.letters(at, viewer.zone)


def row_letters(at: datetime, viewer: Viewer) -> str:
    """Write a time's letters under a heading that names the viewer's place; '' in UTC."""
    return zones.row_letters(at, viewer.zone)


def place(viewer: Viewer) -> str:
    """Write `New York` for a heading, because its letters differ from row to row."""
    return zones.place(viewer.zone)


def row_time(at: datetime, viewer: Viewer) -> str:
    """Write `14:32:09 EST` under such a heading."""
    return f"{time(at, viewer)} {row_letters(at, viewer)}".rstrip()


def stamp(at: datetime, viewer: Viewer, milliseconds: bool = False) -> str:
    """Write `11/19/2026 14:32:09 EST`, a time that stands by itself."""
    return f"{date(at, viewer)} {time(at, viewer, milliseconds)} {zone_letters(at, viewer)}"


def recent(at: datetime, now: datetime, viewer: Viewer) -> str:
    """Write `14:32:09 EST` for a time of today, `11/19/2026` for one of another day."""
    if date(at, viewer) == date(now, viewer):
        return f"{time(at, viewer)} {zone_letters(at, viewer)}"
    return date(at, viewer)


def row_stamp(at: datetime, viewer: Viewer) -> str:
    """Write a date and time under a heading that names the viewer's place; no letters in UTC."""
    return f"{date(at, viewer)} {row_time(at, viewer)}"


def interval(start: datetime, end: datetime, viewer: Viewer) -> str:
    """Write `10/24/2026 00:00:00 CEST to 10/27/2026 00:00:00 CET`."""
    return f"{stamp(start, viewer)} to {stamp(end, viewer)}"


def minutes(start: datetime, end: datetime, viewer: Viewer) -> str:
    """Write a few hours of a known day: `02:00 to 03:00 CET`, `02:00 CEST to 02:00 CET`."""
    first, last = zone_letters(start, viewer), zone_letters(end, viewer)
    begin = f" {first}" if first != last else ""
    return f"{minute(start, viewer)}{begin} to {minute(end, viewer)} {last}"


def zone_name(at: datetime, viewer: Viewer) -> str:
    """Write `New York, EST (UTC−5)`: the zone in full, at a time that is said beside it."""
    if zones.is_utc(viewer.zone):
        return "UTC"
    label, offset = zone_letters(at, viewer), zones.offset(at, viewer.zone)
    name = place(viewer)
    return f"{name}, {offset}" if label == offset else f"{name}, {label} ({offset})"


def relative(at: datetime, now: datetime) -> str:
    """Write `9 s ago`, `2 min ago`, `16 h ago`, `3 d ago`, `in 2 min`."""
    seconds = (now - at).total_seconds()
    ago = f"{_span(abs(seconds))} ago" if seconds >= 0 else f"in {_span(-seconds)}"
    return "now" if abs(seconds) < 1 else ago


def utc_text(at: datetime, viewer: Viewer) -> str:
    """Write `19:30:12.418 UTC`; nothing for a viewer in UTC.

    Its date is there where that is another than the viewer's.
    """
    if zones.is_utc(viewer.zone):
        return ""
    day = f"{at.astimezone(UTC):{DATE_PATTERNS[viewer.date_format][0]}} "
    same = day.strip() == date(at, viewer)
    return f"{'' if same else day}{time(at, DEFAULT, milliseconds=True)} UTC"


def iso_minute(at: datetime) -> str:
    """Write `2026-11-18 16:05Z`, as operators' commands do."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}Z"


@lru_cache(maxsize=1024)
def _day(day: dt.date, pattern: str) -> str:
    return day.strftime(pattern)


def _clock(local: datetime, viewer: Viewer, fraction: str = "") -> str:
    # Not strftime, which takes three times as long: a page shows hundreds of times.
    rest = f"{local.minute:02}:{local.second:02}{fraction}"
    if viewer.clock == "12":
        return f"{local.hour % 12 or 12}:{rest} {'AM' if local.hour < 12 else 'PM'}"
    return f"{local.hour:02}:{rest}"


def _local_date(at: datetime | dt.date, viewer: Viewer) -> dt.date:
    return at.astimezone(viewer.zone).date() if isinstance(at, datetime) else at


def _span(seconds: float) -> str:
    for limit, unit, name in RELATIVE_STEPS:
        if seconds < limit:
            return f"{int(seconds // unit)} {name}"
    return f"{int(seconds // 86400):,} d"
