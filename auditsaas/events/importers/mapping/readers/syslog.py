"""Syslog lines: RFC 5424, RFC 3164, and files with ISO times, with or without a priority."""

from __future__ import annotations

import re
from typing import Any

from auditsaas.events.importers.bounds import MOST_FIELDS, too_many
from auditsaas.events.importers.outcome import LineError

_PRIORITY = re.compile(r"<(?P<priority>[0-9]{1,3})>")
_ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.,]{8,18}(?:Z|[-+][0-9]{2}:?[0-9]{2})?"
_NEW = re.compile(
    rf"1 (?P<time>{_ISO}|-) (?P<host>\S{{1,255}}) (?P<app>\S{{1,48}}) (?P<process>\S{{1,128}})"
    r" (?P<kind>\S{1,32}) "
)
_OLD = re.compile(
    rf"(?P<time>{_ISO}|[A-Z][a-z]{{2}} [ 0-9][0-9] [0-9:]{{8}}) (?P<host>\S{{1,255}}) ?"
)
_TAG = re.compile(r"(?P<app>[^\s:\[\]]{1,128})(?:\[(?P<process>[^\]\s]{1,64})\])?: ?")
_ELEMENT = re.compile(r"\[(?P<name>[^ \]=\"]{1,64})")
_PARAMETER = re.compile(r' (?P<name>[^ \]="]{1,64})="(?P<value>(?:[^"\\]++|\\.)*+)"', re.DOTALL)
_ESCAPE = re.compile(r'\\(["\\\]])')
SEVERITIES = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")


def read(line: str) -> dict[str, Any]:
    record, end = header(line)
    if end == 0:
        raise LineError("is no syslog line: it has no priority, and no time, host and tag")
    record["message"] = line[end:].strip().removeprefix("\ufeff")
    return record


def header(line: str) -> tuple[dict[str, Any], int]:
    """Read the header of a line, and where the message begins; 0 where there is no header."""
    record: dict[str, Any] = {}
    start = 0
    if (priority := _PRIORITY.match(line)) is not None:
        number = int(priority["priority"])
        record |= {"facility": number >> 3, "severity": SEVERITIES[number & 7]}
        start = priority.end()
    if (new := _NEW.match(line, start)) is not None:
        record |= new.groupdict()
        data, end = _data(line, new.end())
        if data:
            record["data"] = data
        return record, end
    old = _OLD.match(line, start)
    if old is None:
        return {}, 0
    record |= old.groupdict()
    tag = _TAG.match(line, old.end())
    if tag is None and priority is None:
        return {}, 0
    record |= tag.groupdict() if tag else {}
    return record, tag.end() if tag else old.end()


def _data(line: str, start: int) -> tuple[dict[str, Any], int]:
    """Read structured data by its elements, and where it ends."""
    if line.startswith("-", start):
        return {}, start + 1
    data: dict[str, Any] = {}
    count = 0
    while (element := _ELEMENT.match(line, start)) is not None:
        start, count = element.end(), count + 1
        if count > MOST_FIELDS:
            raise too_many()
        values = data.setdefault(element["name"], {})
        while (parameter := _PARAMETER.match(line, start)) is not None:
            values[parameter["name"]] = _ESCAPE.sub(r"\1", parameter["value"])
            start = parameter.end()
            count += 1
            if count > MOST_FIELDS:
                raise too_many()
        if not line.startswith("]", start):
            raise LineError("its structured data is broken")
        start += 1
    return data, start
