"""The W3C extended log format, which IIS and CloudFront write: fields named by a directive.

Its times are in UTC, as https://www.w3.org/TR/WD-logfile.html says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from auditsaas.events.importers import request
from auditsaas.events.importers.fitting import LONGEST_AGENT, put, put_duration, rest, word
from auditsaas.events.importers.outcome import LineError
from auditsaas.events.importers.reading import Event, ReadLine
from auditsaas.events.importers.times import read_time
from auditsaas.events.importers.weblog import readable

Split = Callable[[str, int], list[str]]
"""Divides a line into so many fields. Raises LineError."""

_USED = (
    "date", "time", "cs-method", "cs-uri-stem", "cs-uri-query", "sc-status", "c-ip", "cs-username",
    "cs(User-Agent)", "time-taken",
)  # fmt: skip


def reader(
    split: Split, decoded: Callable[[str], str], *, unit_ms: float, fields: Sequence[str] = ()
) -> ReadLine:
    """Return a reader of one file's lines.

    ``decoded`` undoes the coding of blanks, ``unit_ms`` is the unit of ``time-taken``, and
    ``fields`` are those of a file that does not name any.
    """
    named = list(fields)

    def read(raw: bytes) -> Event | None:
        nonlocal named
        line = readable(raw).removesuffix("\\x0d")
        if line.startswith("#"):
            if line.startswith("#Fields:"):
                named = line.removeprefix("#Fields:").split()
            return None
        if not named:
            raise LineError("comes before any #Fields line")
        return _event(dict(zip(named, split(line, len(named)), strict=True)), decoded, unit_ms)

    return read


def _event(fields: dict[str, str], decoded: Callable[[str], str], unit_ms: float) -> Event:
    if "cs-method" not in fields or "sc-status" not in fields:
        raise LineError("its #Fields have no cs-method and sc-status")
    metadata: dict[str, Any] = rest(fields, *_USED)
    event = request.answered(_moment(fields), fields["sc-status"], metadata)
    stem, query = fields.get("cs-uri-stem", ""), word(fields.get("cs-uri-query"))
    request.add_request(event, fields["cs-method"], f"{stem}?{query}" if query else stem)
    request.add_parties(event, decoded(fields.get("cs-username", "")), fields.get("c-ip"))
    put(event, "user_agent", decoded(fields.get("cs(User-Agent)", "")), LONGEST_AGENT)
    put_duration(event, fields.get("time-taken"), unit_ms)
    return event


def _moment(fields: dict[str, str]) -> datetime:
    if "date" not in fields or "time" not in fields:
        raise LineError("its #Fields have no date and time")
    return read_time(f"{fields['date']} {fields['time']}", UTC)
