"""Reads times as files write them that no importer was made for."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo

from auditsaas.events.importers.outcome import LineError
from auditsaas.events.importers.times import MONTHS, NO_ZONE, read_time, shown

LONGEST_TIME = 64
_UTC = {"UTC", "GMT", "Z"}
# `Nov 20 2026 10:00:00.123 UTC`, as ArcSight writes times.
_MONTH_FIRST = re.compile(
    r"(?P<month>[A-Z][a-z]{2}) (?P<day>[0-9 ]?[0-9]),? (?P<year>[0-9]{4}) (?P<clock>[0-9:.]{8,18})"
    r"(?P<zone> [-+A-Z0-9:]{1,6})?"
)
# `Fri, 20 Nov 2026 10:00:00 +0000`, RFC 5322; `20 Nov 2026 10:00:00 GMT`.
_DAY_FIRST = re.compile(
    r"(?:[A-Z][a-z]{2}, )?(?P<day>[0-9]{1,2})[ -](?P<month>[A-Z][a-z]{2})[ -](?P<year>[0-9]{4})"
    r" (?P<clock>[0-9:.]{8,18})(?P<zone> [-+A-Z0-9:]{1,6})?"
)
# `2026-11-20 10:00`, `2026/11/20 10:00:00`, `20261120T100000Z`
_LOOSE = re.compile(
    r"(?P<year>[0-9]{4})[-/.]?(?P<month>[0-9]{2})[-/.]?(?P<day>[0-9]{2})[T ](?P<hour>[0-9]{2}):?"
    r"(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2})(?P<decimals>[.,][0-9]{1,9})?)?"
    r"(?P<zone> ?[-+A-Z0-9:]{1,6})?"
)
_NO_YEAR = re.compile(r"[A-Z][a-z]{2} [0-9 ]?[0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}")


def read_moment(value: object, zone: tzinfo | None, written: str | None = None) -> datetime:
    """Read an instant as ``read_time`` does, and from further ways of writing times that logs have.

    ``written`` says how the time is written, by the signs of ``strptime``; ``%Z`` is a zone's
    letters, of which those of the assumed zone are known, and UTC and GMT.

    Raises:
        LineError: it is no time, or has no zone where none is assumed.
    """
    try:
        if written is not None:
            return _as_written(str(value).strip(), written, zone)
        return read_time(value, zone)
    except OverflowError:
        raise LineError(f"{shown(value)} is not a time") from None
    except LineError as error:
        if not isinstance(value, str) or written or NO_ZONE in error.reason:
            raise
        found = _otherwise(value.strip(), zone) if len(value) <= LONGEST_TIME else None
        if found is None:
            raise
        return found


def _otherwise(text: str, zone: tzinfo | None) -> datetime | None:
    if _NO_YEAR.fullmatch(text):
        raise LineError(f"{shown(text)} has no year")
    named = _MONTH_FIRST.fullmatch(text) or _DAY_FIRST.fullmatch(text)
    if named is not None and named["month"] in MONTHS:
        month = f"{MONTHS.index(named['month']) + 1:02}"
        day = named["day"].strip().rjust(2, "0")
        clock = named["clock"]
        return _iso(f"{named['year']}-{month}-{day}T{clock}", named["zone"], text, zone)
    loose = _LOOSE.fullmatch(text)
    if loose is None:
        return None
    date = f"{loose['year']}-{loose['month']}-{loose['day']}T{loose['hour']}:{loose['minute']}"
    decimals = loose["decimals"] or ""
    return _iso(f"{date}:{loose['second'] or '00'}{decimals}", loose["zone"], text, zone)


def _iso(local: str, written: str | None, text: str, zone: tzinfo | None) -> datetime:
    letters = (written or "").strip()
    if letters in _UTC:
        return read_time(f"{local}Z", None)
    if letters[:1] in ("+", "-"):
        return read_time(local + (f"{letters}00" if len(letters) == 3 else letters), None)
    if letters:
        return _by_letters(read_time(local, UTC).replace(tzinfo=None), letters, text, zone)
    return read_time(local, zone)


def _as_written(text: str, written: str, zone: tzinfo | None) -> datetime:
    if len(text) > LONGEST_TIME:
        raise LineError(f"{shown(text)} is not a time")
    letters = ""
    if written.endswith("%Z"):
        text_, _, letters = text.rpartition(" ")
        if not letters.isalpha():
            raise LineError(f"{shown(text)} does not end in a zone's letters")
        found = _parsed(text_.rstrip(), written.removesuffix("%Z").rstrip(), text)
    else:
        found = _parsed(text, written, text)
    if found.tzinfo is not None:
        return found.astimezone(UTC)
    if letters:
        return _by_letters(found, letters, text, zone)
    if zone is None:
        raise LineError(f"{shown(text)} {NO_ZONE}")
    return found.replace(tzinfo=zone).astimezone(UTC)


def _parsed(text: str, written: str, whole: str) -> datetime:
    try:
        return datetime.strptime(text, written)  # noqa: DTZ007  # the zone is looked at after it
    except (ValueError, OverflowError):
        raise LineError(f"{shown(whole)} is not a time written as {written}") from None


def _by_letters(local: datetime, letters: str, text: str, zone: tzinfo | None) -> datetime:
    """Read the instant of a time with a zone's letters, which the assumed zone must have then."""
    if letters.upper() in _UTC:
        return local.replace(tzinfo=UTC)
    for fold in (0, 1):
        there = local.replace(tzinfo=zone, fold=fold)
        if zone is not None and there.tzname() == letters:
            return there.astimezone(UTC)
    raise LineError(f"{shown(text)} {NO_ZONE} that has the letters {letters}")
