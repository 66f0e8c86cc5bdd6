"""The filter's period: ``range`` presets and ``from``/``to``, read in the viewer's zone.

A local day starts at its first instant, so it lasts 23 or 25 hours where daylight saving changes.
A local time that occurs twice means the first. Days join without gap or overlap: one ends exactly
where the next starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from auditsaas.events.filter.dates import DEFAULT_DATE_FORMAT, Moment, RangeError, read_moment

__all__ = ["PRESETS", "RangeError", "TimeRange", "custom", "dates", "instant", "preset"]

PRESETS: dict[str, str] = {
    "today": "Today",
    "yesterday": "Yesterday",
    "last_week": "Last Week",
    "last_month": "Last Month",
    "last_quarter": "Last Quarter",
    "last_7_days": "Last 7 Days",
    "last_30_days": "Last 30 Days",
    "last_90_days": "Last 90 Days",
}

# No event is older than this, and ids count their milliseconds from it.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class TimeRange:
    """Aware UTC instants, ``start`` inclusive and ``end`` exclusive; None is open."""

    start: datetime | None = None
    end: datetime | None = None


def instant(moment: datetime | None) -> str:
    """Write an instant as RFC 3339 in UTC; '' for none."""
    if moment is None:
        return ""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def preset(key: str, zone: ZoneInfo, now: datetime) -> TimeRange:
    """Read a preset as days of a viewer in ``zone`` at the aware instant ``now``."""
    if key not in PRESETS:
        raise RangeError("range", f"Range must be one of {', '.join(PRESETS)}, not {key[:40]!r}")
    return preset_of_day(key, zone, now.astimezone(zone).date())


def preset_of_day(key: str, zone: ZoneInfo, today: date) -> TimeRange:
    """Read a known preset as days of a viewer for whom it is ``today``."""
    first, last = _preset_days(key, today)
    return TimeRange(_first_instant(first, zone), _first_instant(last + DAY, zone))


def _preset_days(key: str, today: date) -> tuple[date, date]:
    if key == "today":
        return today, today
    if key == "yesterday":
        return today - DAY, today - DAY
    if key == "last_week":
        monday = today - timedelta(days=today.weekday() + 7)
        return monday, monday + timedelta(days=6)
    if key == "last_month":
        end = today.replace(day=1) - DAY
        return end.replace(day=1), end
    if key == "last_quarter":
        end = today.replace(month=today.month - (today.month - 1) % 3, day=1) - DAY
        return end.replace(month=end.month - 2, day=1), end
    days = int(key.split("_")[1])
    return today - timedelta(days=days - 1), today


def custom(
    from_text: str | None,
    to_text: str | None,
    zone: ZoneInfo,
    date_format: str = DEFAULT_DATE_FORMAT,
) -> TimeRange:
    """Read a period from two typed texts, either of which may be blank.

    Each is a date (``to`` is inclusive), a local date and time in ``zone`` (``to`` includes the
    second it names, so that 23:59:59 loses nothing) or an RFC 3339 instant (``to`` is exclusive).
    ``date_format`` is how the viewer types dates; ``YYYY-MM-DD`` is always understood.
    Raises RangeError with the field and a sentence.
    """
    start = end = None
    if from_text and from_text.strip():
        start = _start_of(read_moment("from", from_text, date_format), zone)
    if to_text and to_text.strip():
        end = _end_of(read_moment("to", to_text, date_format), zone)
    if start is not None and end is not None and end <= start:
        raise RangeError("to", f"To ({_short(to_text)}) must be after From ({_short(from_text)})")
    return TimeRange(start, end)


def dates(period: TimeRange, zone: ZoneInfo) -> tuple[date | None, date | None]:
    """Return the first and last local date that the period touches, both inclusive."""
    first = None if period.start is None else _local_date(period.start, zone)
    last = None if period.end is None else _local_date(period.end - TICK, zone)
    return first, last


def _start_of(moment: Moment, zone: ZoneInfo) -> datetime:
    return max(EPOCH, _instant(moment, zone))


def _end_of(moment: Moment, zone: ZoneInfo) -> datetime:
    if moment.instant is not None:
        end = moment.instant
    elif moment.time is not None:
        end = min(_instant(moment, zone), LATEST - SECOND) + SECOND
    elif moment.day == date.max:
        end = LATEST
    else:
        _instant(moment, zone)
        end = _first_instant(moment.day + DAY, zone)
    if end <= EPOCH:
        raise RangeError(moment.field, f"{moment.label} must be after the start of 1970 in UTC")
    return end


def _instant(moment: Moment, zone: ZoneInfo) -> datetime:
    """Convert a moment to UTC, a date to its first instant; refuse what the zone's clock skips."""
    if moment.instant is not None:
        return moment.instant
    wall = datetime.combine(moment.day, moment.time or time.min)
    if moment.time is None:
        start = _first_instant(moment.day, zone)
        exists = start == LATEST or _local_date(start, zone) == moment.day
    else:
        start = _utc(wall, zone)
        exists = start == LATEST or _exists(wall, start, zone)
    if not exists:
        reason = f"does not exist in {zone.key}: its clocks skip it"
        raise RangeError(moment.field, f"{moment.label} ({_short(moment.text)}) {reason}")
    return start


def _first_instant(day: date, zone: ZoneInfo) -> datetime:
    # Where a clock jumps over midnight, PEP 495 reads it by the offset before the jump, which is
    # the jump itself when that is at midnight, as it is in every zone since 1970.
    return _utc(datetime.combine(day, time.min), zone)


def _utc(wall: datetime, zone: ZoneInfo) -> datetime:
    try:
        return wall.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return LATEST


def _exists(wall: datetime, instant: datetime, zone: ZoneInfo) -> bool:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0) == wall


def _local_date(instant: datetime, zone: ZoneInfo) -> date:
    try:
        return instant.astimezone(zone).date()
    except OverflowError:
        return date.max


def _short(text: str | None) -> str:
    return (text or "").strip()[:40]
