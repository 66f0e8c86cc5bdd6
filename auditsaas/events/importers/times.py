"""Reads the times of other people's logs.

Every result is an instant. Decimals beyond the microsecond are cut, never rounded, so that a time
does not move into the next second. A time without a zone needs the zone that the operator names
(``--assume-zone``); where daylight saving makes it ambiguous, the earlier instant is taken.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from auditsaas.db.ids import EPOCH
from auditsaas.events.importers.outcome import LineError

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

NO_ZONE = "has no zone, and none is assumed"

_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:[.,]([0-9]{1,12}))? ?(?:([Zz]|UTC)|([-+])([0-9]{2}):?([0-9]{2}))?"
)
_LOG = re.compile(
    r"([0-9]{2})/([A-Z][a-z]{2})/([0-9]{4}):([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r" ([-+])([0-9]{2})([0-9]{2})"
)
_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,12})?")
# A count since 1970 of this size or more is in the next smaller unit; 10¹¹ seconds is the year
# 5138, and 10¹¹ milliseconds 1973.
_UNIT_STEP = Decimal(10) ** 11


def read_time(value: object, zone: tzinfo | None) -> datetime:
    """Read an instant from text (ISO 8601 or the Apache form) or a count since 1970.

    A count may be of seconds, milliseconds, microseconds or nanoseconds, with a fraction or
    without; its size says which.

    Raises:
        LineError: it is no time, or has no zone where ``zone`` is None.
    """
    if isinstance(value, str):
        return _read_text(value, zone)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _since_1970(Decimal(str(value)), str(value))
    raise LineError("has no time" if value is None else f"{shown(value)} is not a time")


def shown(value: object) -> str:
    """Quote a value for a reason that people read."""
    text = str(value)
    return f"“{text[:40]}…”" if len(text) > 40 else f"“{text}”"


@lru_cache(maxsize=4096)
def _read_text(text: str, zone: tzinfo | None) -> datetime:
    iso = _ISO.fullmatch(text)
    try:
        if iso:
            return _iso_time(iso, zone)
        log = _LOG.fullmatch(text)
        if log:
            return _log_time(log)
        if _NUMBER.fullmatch(text):
            return _since_1970(Decimal(text), text)
    except LineError:
        raise
    except (ValueError, OverflowError):
        pass
    raise LineError(f"{shown(text)} is not a time")


def _iso_time(match: re.Match[str], zone: tzinfo | None) -> datetime:
    year, month, day, hour, minute, second = (int(part) for part in match.group(1, 2, 3, 4, 5, 6))
    microsecond = int((match[7] or "").ljust(6, "0")[:6])
    if match[8]:
        zone = UTC
    elif match[9]:
        zone = _offset(match[9], match[10], match[11])
    if zone is None:
        raise LineError(f"{shown(match[0])} {NO_ZONE}")
    return _instant(year, month, day, hour, minute, second, microsecond, zone)


def _log_time(match: re.Match[str]) -> datetime:
    day, month, year, hour, minute, second, sign, hours, minutes = match.groups()
    zone = _offset(sign, hours, minutes)
    return _instant(
        int(year), MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), 0, zone
    )


def _instant(
    year: int,
    month: int,
    day: int,
    hour: int,
    minute: int,
    second: int,
    microsecond: int,
    zone: tzinfo,
) -> datetime:
    # A leap second is stored as the second after it; PostgreSQL has none either.
    leap = second == 60
    local = datetime(year, month, day, hour, minute, 59 if leap else second, microsecond, zone)
    return (local + timedelta(seconds=1) if leap else local).astimezone(UTC)


def _offset(sign: str, hours: str, minutes: str) -> tzinfo:
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset)


def _since_1970(count: Decimal, text: str) -> datetime:
    try:
        per_second = 0
        while abs(count) >= _UNIT_STEP * 10**per_second and per_second < 9:
            per_second += 3
        return EPOCH + timedelta(microseconds=int(count.scaleb(6 - per_second)))
    except (InvalidOperation, OverflowError, ValueError):
        raise LineError(f"{shown(text)} is not a time") from None
