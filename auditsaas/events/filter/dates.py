"""Reads one typed date, local date and time, or RFC 3339 instant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

DEFAULT_DATE_FORMAT = "MM/DD/YYYY"
LABELS = {"from": "From", "to": "To"}

_CLOCK = r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?"
_HALF = r"(?: ?(?P<half>[AaPp][Mm]))?"
_TIME = rf"(?:(?:[Tt]| +){_CLOCK}{_HALF})?"
_ISO_DAY = r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})"
_ISO = re.compile(_ISO_DAY + _TIME)
_TYPED = {
    "MM/DD/YYYY": re.compile(
        r"(?P<month>[0-9]{1,2})/(?P<day>[0-9]{1,2})/(?P<year>[0-9]{4})" + _TIME
    ),
    "DD/MM/YYYY": re.compile(
        r"(?P<day>[0-9]{1,2})/(?P<month>[0-9]{1,2})/(?P<year>[0-9]{4})" + _TIME
    ),
}
# RFC 3339, section 5.6. A space before the offset is a "+" that a query string was not given
# as %2B.
_INSTANT = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})[Tt ]"
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]+))?"
    r"(?:[Zz]|(?P<sign>[-+ ])(?P<offset_hour>[0-9]{2}):(?P<offset_minute>[0-9]{2}))"
)


class RangeError(ValueError):
    """A period that cannot be understood: the field, and a sentence for the person."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True)
class Moment:
    """A typed time: an instant, or a local day with or without a time."""

    field: str
    text: str
    day: date
    time: time | None = None
    instant: datetime | None = None

    @property
    def label(self) -> str:
        """The field's name on the page."""
        return LABELS[self.field]


def read_moment(field: str, text: str, date_format: str = DEFAULT_DATE_FORMAT) -> Moment:
    """Read ``text``, which is not blank; raise RangeError for ``field``."""
    text = text.strip()
    label = LABELS[field]
    match = _INSTANT.fullmatch(text) or _ISO.fullmatch(text)
    typed = _TYPED.get(date_format)
    if match is None and typed is not None:
        match = typed.fullmatch(text)
    if match is None:
        raise RangeError(field, f"{label} must be a date such as 2026-11-16, not {text[:40]!r}")
    if int(match["year"]) < 1970:
        raise RangeError(field, f"{label} must be in the years 1970 to 9999, not {match['year']}")
    try:
        return _moment(field, text, match)
    except (ValueError, OverflowError):
        raise RangeError(
            field, f"{label} is not a date of the calendar or a time of the clock: {text[:40]!r}"
        ) from None


def _moment(field: str, text: str, match: re.Match[str]) -> Moment:
    parts = match.groupdict()
    day = date(int(match["year"]), int(match["month"]), int(match["day"]))
    if parts["hour"] is None:
        return Moment(field, text, day)
    if "offset_hour" in parts:
        return Moment(field, text, day, instant=_read_instant(day, match))
    hour = int(match["hour"])
    if match["half"]:
        if not 1 <= hour <= 12:
            raise ValueError(hour)
        hour = hour % 12 + (12 if match["half"].lower() == "pm" else 0)
    return Moment(field, text, day, time(hour, int(match["minute"]), int(match["second"] or 0)))


def _read_instant(day: date, match: re.Match[str]) -> datetime:
    second = int(match["second"])
    # A leap second is read as the second after it: no calendar here can hold 23:59:60.
    leap = timedelta(seconds=1) if second == 60 else timedelta()
    microsecond = int((match["fraction"] or "")[:6].ljust(6, "0"))
    clock = time(int(match["hour"]), int(match["minute"]), min(second, 59), microsecond)
    if second > 60 or int(match["offset_hour"] or 0) > 23 or int(match["offset_minute"] or 0) > 59:
        raise ValueError(match[0])
    offset = timedelta(
        hours=int(match["offset_hour"] or 0), minutes=int(match["offset_minute"] or 0)
    )
    zone = timezone(-offset if match["sign"] == "-" else offset)
    return (datetime.combine(day, clock, tzinfo=zone) + leap).astimezone(UTC)
