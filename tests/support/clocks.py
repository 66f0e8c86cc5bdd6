"""Reading a time as a person does who knows the zone, and the nights on which clocks change."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

ZONES = [
    "America/New_York",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Africa/Casablanca",
    "Africa/Monrovia",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Dublin",
    "Europe/Istanbul",
    "Europe/London",
    "Europe/Moscow",
    "Pacific/Apia",
    "Pacific/Chatham",
    "UTC",
]
FIRST_DAY = datetime(1970, 1, 2, tzinfo=UTC)
DAYS = 25_000


def read_back(text: str, zone: ZoneInfo, pattern: str = "%m/%d/%Y %H:%M:%S") -> datetime:
    """The one instant that `07/20/2026 12:00:00 CEST` names in a zone."""
    clock, _, letters = text.rpartition(" ")
    local = datetime.strptime(clock, pattern)  # noqa: DTZ007 - the letters are its zone
    if found := re.fullmatch(r"UTC(?:([+−])(\d+)(?::(\d\d))?(?::(\d\d))?)?", letters):
        hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
        offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
        return local.replace(tzinfo=timezone(-offset if found[1] == "−" else offset))
    named = {
        moment.astimezone(UTC)
        for moment in (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
        if moment.tzname() == letters
    }
    (instant,) = named
    return instant


@cache
def changes(zone: str) -> list[datetime]:
    """The instants at which the zone's clock was moved, to the second."""
    local = ZoneInfo(zone)
    days = [FIRST_DAY + timedelta(days=day) for day in range(DAYS)]
    offsets = [day.astimezone(local).utcoffset() for day in days]
    return [
        _change(days[at - 1], days[at], local)
        for at in range(1, DAYS)
        if offsets[at] != offsets[at - 1]
    ]


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before).total_seconds() // 2)
        same = middle.astimezone(zone).utcoffset() == before.astimezone(zone).utcoffset()
        before, after = (middle, after) if same else (before, middle)
    return after


@st.composite
def moments(draw: st.DrawFn, zone: str) -> datetime:
    """Any second, and just as often one in the two hours around a change."""
    if draw(st.booleans()) and changes(zone):
        near = draw(st.integers(-7200, 7200))
        return draw(st.sampled_from(changes(zone))) + timedelta(seconds=near)
    return FIRST_DAY + timedelta(seconds=draw(st.integers(0, 86_400 * DAYS)))
