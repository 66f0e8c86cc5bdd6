"""Zones as people read them: a place for a heading, and letters that lead a time to its instant.

A place has one name and, over a year, several offsets. So a heading names the place, and each
time carries the letters of the offset that was in force then.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo

MINUS: Final = "\N{MINUS SIGN}"
FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""No event is older."""
LAST: Final = datetime(2038, 1, 1, tzinfo=UTC)
STEP: Final = timedelta(days=15)
"""Shorter than any daylight saving time."""


def letters(at: datetime, zone: ZoneInfo) -> str:
    """Write `EST`, or `UTC−3` where the zone has no letters for the time's offset."""
    return letters_of(at.astimezone(zone), zone)


def letters_of(local: datetime, zone: ZoneInfo) -> str:
    """Write the letters of a time that is in the zone already."""
    return _label(zone, local.tzname(), local.utcoffset())


def row_letters(at: datetime, zone: ZoneInfo) -> str:
    """Write a time's letters under a heading that names its place; '' where they say the same."""
    return "" if is_utc(zone) else letters(at, zone)


def place(zone: ZoneInfo) -> str:
    """Write `New York`, `UTC`."""
    return "UTC" if is_utc(zone) else zone.key.rsplit("/", 1)[-1].replace("_", " ")


@cache
def is_utc(zone: ZoneInfo) -> bool:
    return _offsets(zone) == {"UTC": {timedelta()}}


@cache
def all_letters(zone: ZoneInfo) -> frozenset[str]:
    """List all letters that may stand after a time in this zone."""
    return frozenset(
        _label(zone, name, offset) for name, found in _offsets(zone).items() for offset in found
    )


def legend(times: Iterable[datetime], zone: ZoneInfo) -> str:
    """Write `EDT is UTC−4, EST is UTC−5`: the letters of these times, ordered by their offsets."""
    found = {letters(at, zone): at.astimezone(zone).utcoffset() or timedelta() for at in times}
    pairs = [(name, _words(found[name])) for name in sorted(found, key=lambda name: found[name])]
    return ", ".join(f"{name} is {offset}" for name, offset in pairs if name != offset)


def offset(at: datetime, zone: ZoneInfo) -> str:
    """Write `UTC−5`, whether the zone has letters or not."""
    return _words(at.astimezone(zone).utcoffset() or timedelta())


@cache
def _offsets(zone: ZoneInfo) -> dict[str, set[timedelta]]:
    """Collect the offsets that each name of the zone has stood for."""
    found: dict[str, set[timedelta]] = {}
    for step in range((LAST - FIRST) // STEP):
        local = (FIRST + step * STEP).astimezone(zone)
        found.setdefault(local.tzname() or "", set()).add(local.utcoffset() or timedelta())
    return found


@lru_cache(maxsize=4096)
def _label(zone: ZoneInfo, name: str | None, offset: timedelta | None) -> str:
    # Moscow called UTC+4 and UTC+3 alike, also in the hour that it repeated: letters that have
    # stood for two offsets lead nowhere.
    offset = offset or timedelta()
    if name and name.isalpha() and _offsets(zone).get(name) == {offset}:
        return name
    return _words(offset)


def _words(offset: timedelta) -> str:
    """Write `UTC−3:30`; with seconds where a clock went by the sun."""
    if not offset:
        return "UTC"
    minutes, seconds = divmod(round(abs(offset).total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = f":{minutes:02}" if minutes or seconds else ""
    parts += f":{seconds:02}" if seconds else ""
    return f"UTC{MINUS if offset < timedelta() else '+'}{hours}{parts}"
