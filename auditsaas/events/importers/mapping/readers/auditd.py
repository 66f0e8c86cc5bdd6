"""The Linux audit daemon's ``audit.log``: each line is a record, of which an event has some."""

from __future__ import annotations

import re
from typing import Any

from auditsaas.events.importers.bounds import few
from auditsaas.events.importers.outcome import LineError

_HEAD = re.compile(
    r"(?:node=(?P<node>\S{1,255}) )?type=(?P<type>[A-Za-z0-9_\[\]]{1,64})"
    r" msg=audit\((?P<time>[0-9]{1,12}\.[0-9]{1,9}):(?P<serial>[0-9]{1,20})\): ?"
)
# The last character before a name is a blank, or what auditd writes before names of ids.
_PAIR = re.compile(
    r"(?:^|(?<=[ \x1d,]))(?P<name>[A-Za-z0-9_-]{1,64})="
    r"(?:\"(?P<double>[^\"]*+)\"|'(?P<single>[^']*+)'|(?P<bare>[^ \x1d,]*+))"
)


def read(line: str) -> dict[str, Any]:
    head = _HEAD.match(line)
    if head is None:
        raise LineError("is no record of auditd: it has no type= and msg=audit(…)")
    record: dict[str, Any] = {name: text for name, text in head.groupdict().items() if text}
    return record | _pairs(line[head.end() :])


def _pairs(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in few(_PAIR.finditer(text)):
        if pair["single"] is not None and "=" in pair["single"]:
            found[pair["name"]] = _pairs(pair["single"])
        else:
            found[pair["name"]] = next(filter(None, pair.group("double", "single", "bare")), "")
    return found
