"""A stored event as the API, JSONL files and the drawer give it (CONTRACT, "An event")."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Row

from auditsaas.events.event_fields import ACTOR, FIELDS, Kind


def stored_event(row: Row[Any], workspace: str) -> dict[str, Any]:
    """Build the API's event from a row of the log; fields that were not sent are left out."""
    event: dict[str, Any] = {}
    actor: dict[str, Any] = {}
    for (key, in_actor, written), value in zip(_MEMBERS, _values(row), strict=True):
        if value is None:
            continue
        if in_actor:
            event[ACTOR] = actor
            actor[key] = value
        else:
            event[key] = written(value) if written else value
    event["workspace"] = workspace
    return event


def rfc3339(moment: datetime) -> str:
    """Write an instant in UTC (RFC 3339), with as many decimals as it has."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _number(value: float) -> float:
    return int(value) if value.is_integer() else value


_WRITTEN: Final[dict[Kind, Callable[[Any], Any]]] = {
    Kind.ID: str,
    Kind.TIME: rfc3339,
    Kind.NUMBER: _number,
}
_MEMBERS: Final = [(known.key, known.in_actor, _WRITTEN.get(known.kind)) for known in FIELDS]
_values: Final = attrgetter(*(known.column for known in FIELDS))
