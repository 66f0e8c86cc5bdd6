"""An event, from the arguments of ``record`` to one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, Union
from uuid import UUID, uuid4

MAX_EVENT_BYTES = 1_000_000


@dataclass(frozen=True)
class Actor:
    """Who did it. ``status`` is ``active`` or ``disabled``."""

    id: str
    name: str | None = None
    email: str | None = None
    role: str | None = None
    status: str | None = None


@dataclass(frozen=True)
class Target:
    """What it was done to."""

    type: str
    id: str
    name: str | None = None


ActorLike = Union[Actor, Mapping[str, Any], str]
TargetLike = Union[Target, Mapping[str, Any]]
Changes = Mapping[str, Sequence[Any]]


class UnusableEvent(ValueError):
    """The event cannot be written as JSON; ``field`` says where, ``message`` why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field
        self.message = message


def complete(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Build the event as sent, with the time and the key that tell it from every other.

    Both are made here, once: whatever is sent again later carries the same ones.

    Raises:
        UnusableEvent: ``occurred_at`` has no zone.
    """
    event = {name: value for name, value in fields.items() if value is not None}
    event["actor"] = _plain_actor(event.get("actor"))
    event["occurred_at"] = _instant(event.get("occurred_at"))
    if "idempotency_key" not in event:
        key = new_idempotency_key()
        if key is not None:
            event["idempotency_key"] = key
    if "targets" in event:
        event["targets"] = [_plain(target) for target in event["targets"]]
    return event


def encoded(event: Mapping[str, Any]) -> bytes:
    """One line of ASCII, without its line end.

    Raises:
        UnusableEvent: JSON cannot hold a value, or it is too long.
    """
    try:
        line = _encode(event).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise UnusableEvent("", f"is not JSON: {error}") from None
    if len(line) > MAX_EVENT_BYTES:
        raise UnusableEvent("", f"is {len(line):,} bytes as JSON; the limit is 1,000,000")
    return line


def new_idempotency_key() -> str | None:
    return uuid4().hex


def _instant(value: Any) -> Any:
    if value is None:
        return datetime.now(timezone.utc).isoformat()
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise UnusableEvent("occurred_at", "needs a zone")
    return value.isoformat()


def _plain_actor(actor: Any) -> Any:
    return {"id": actor} if isinstance(actor, str) else _plain(actor)


def _plain(value: Any) -> Any:
    """Build an actor or target for the API, without unknown members; an id may be a number."""
    members = asdict(value) if isinstance(value, (Actor, Target)) else value
    if not isinstance(members, Mapping):
        return members
    known = {name: member for name, member in members.items() if member not in (None, "")}
    if isinstance(known.get("id"), int):
        known["id"] = str(known["id"])
    return known


def _text_of(value: Any) -> Any:
    """Convert values of metadata that JSON does not know."""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (UUID, Decimal, PurePath)):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be written")


_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":"), default=_text_of).encode
