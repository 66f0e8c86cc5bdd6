"""Lines of pgAudit in PostgreSQL's log, whose prefix begins with the time (``%m`` or ``%t``)."""

from __future__ import annotations

import csv
import re
from typing import Any

from auditsaas.events.importers.outcome import LineError

_MARK = "AUDIT: "
LONGEST_PREFIX = 1024
# https://github.com/pgaudit/pgaudit#format
FIELDS = (
    "audit_type", "statement_id", "substatement_id", "class", "command", "object_type",
    "object_name", "statement", "parameter",
)  # fmt: skip
_TIME = re.compile(
    r"(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]{8,15}) (?P<zone>[A-Z]{1,5}|[-+][0-9:]{2,6})"
)
_PROCESS = re.compile(r"\[(?P<process>[0-9]{1,10})(?:-[0-9]{1,10})?\]")
_USER = re.compile(r"(?P<user>[^\s@]{1,63})@(?P<database>[^\s@]{1,63})")


def read(line: str) -> dict[str, Any]:
    mark = line.find(_MARK, 0, LONGEST_PREFIX)
    if mark < 0:
        raise LineError("is no line of pgAudit: it has no AUDIT:")
    prefix = line[:mark]
    time = _TIME.match(prefix)
    if time is None:
        raise LineError("begins with no time and zone", near=1)
    record: dict[str, Any] = {"time": f"{time['time']} {time['zone']}"}
    words = prefix[time.end() :].split()
    for pattern in (_PROCESS, _USER):
        found = next((match for word in words if (match := pattern.fullmatch(word))), None)
        if found is not None:
            record |= found.groupdict()
            words.remove(found[0])
    record["prefix"] = " ".join(words)
    return record | _statement(line[mark + len(_MARK) :])


def _statement(text: str) -> dict[str, str]:
    try:
        cells = next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration):
        raise LineError("its statement goes on in the next line, or is cut", near=1) from None
    if len(cells) < len(FIELDS):
        raise LineError(f"has {len(cells)} fields after AUDIT:, not {len(FIELDS)}", near=1)
    return dict(zip(FIELDS, cells, strict=False))
