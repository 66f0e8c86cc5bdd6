"""A log record of OpenTelemetry as an event, by the table of docs/senders.md.

Of several attributes the first that is there gives a field; what gives none is kept in metadata.
"""

from __future__ import annotations

import math
import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from auditsaas.db.ids import EPOCH
from auditsaas.events.importers.fitting import (
    LONGEST_ACTIVITY,
    LONGEST_AGENT,
    LONGEST_METHOD,
    LONGEST_PATH,
    LONGEST_REQUEST_ID,
    fit,
    put,
    put_actor,
    put_address,
    put_duration,
    put_targets,
    storable_copy,
    word,
)
from auditsaas.events.importers.outcomes import status_of

ACTIVITY = ("event.name", "activity")
STATUS = ("status", "event.outcome", "outcome")
ACTOR = ("enduser.id", "user.id", "actor.id")
ACTOR_NAME = ("user.full_name", "user.name", "actor.name")
ACTOR_EMAIL = ("user.email", "enduser.email", "actor.email")
ACTOR_ROLE = ("enduser.role", "user.roles", "actor.role")
ADDRESS = ("client.address", "source.address", "http.client_ip", "net.peer.ip")
METHOD = ("http.request.method", "http.method")
PATH = ("url.path", "http.target")
STATUS_CODE = ("http.response.status_code", "http.status_code")
AGENT = ("user_agent.original", "http.user_agent")
REQUEST_ID = ("request.id", "http.request.id")
KEY = ("log.record.uid", "event.id")
DURATION = {"duration_ms": 1, "http.server.request.duration": 1000, "event.duration": 1e-6}
"""Attributes that hold a duration, and the milliseconds of their unit."""
FAULT = ("error.type", "exception.type")

NO_NAME = "log.record"
"""The activity of a record that names no event."""

ERROR = 17
"""The lowest severity number of an error."""

LONGEST_KEY = 128
LONGEST_ROLE = 128
_NAME = re.compile(r"[A-Za-z][\w-]*(?:[.:/][\w-]+)+")


@dataclass(frozen=True)
class Origin:
    """The origin of a record: its resource, its scope and its span."""

    resource: Iterable[Any]
    scope: str
    scope_version: str
    trace_id: str
    span_id: str


def event_of(record: Any, origin: Origin) -> dict[str, Any]:
    """Map a log record to the contract's event, not yet checked against every rule."""
    attributes, resource = _plain(record.attributes), _plain(origin.resource)
    body = _value(record.body)
    event: dict[str, Any] = {"metadata": {}}
    _put_activity(event, record, attributes, body)
    _put_time(event, record, attributes)
    _put_request(event, attributes, origin)
    _put_status(event, record, attributes)
    _put_who(event, attributes, resource)
    _put_what(event, attributes)
    kept = {
        "severity": record.severity_text,
        "resource": resource,
        "scope": origin.scope,
        "scope_version": origin.scope_version,
        "trace_id": origin.trace_id if event.get("request_id") != origin.trace_id else "",
        "span_id": origin.span_id,
    }
    event["metadata"] |= attributes | {name: value for name, value in kept.items() if value}
    event = storable_copy(event)
    fit(event["metadata"])
    return event


def _put_activity(
    event: dict[str, Any], record: Any, attributes: dict[str, Any], body: Any
) -> None:
    named = record.event_name or _taken(attributes, ACTIVITY)
    is_name = isinstance(body, str) and len(body) <= LONGEST_ACTIVITY and _NAME.fullmatch(body)
    if not word(named) and is_name:
        named, body = body, None
    event["activity"] = NO_NAME
    put(event, "activity", named, LONGEST_ACTIVITY)
    if body is not None:
        event["metadata"]["body"] = body


def _put_time(event: dict[str, Any], record: Any, attributes: dict[str, Any]) -> None:
    nanoseconds = record.time_unix_nano or record.observed_time_unix_nano
    if not nanoseconds:
        return
    try:
        event["occurred_at"] = EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        event["occurred_at"] = str(nanoseconds)  # refused in words
    key = word(attributes.get(KEY[0])) or word(attributes.get(KEY[1]))
    if key is not None and len(key) <= LONGEST_KEY:
        event["idempotency_key"] = key


def _put_request(event: dict[str, Any], attributes: dict[str, Any], origin: Origin) -> None:
    put(event, "method", _taken(attributes, METHOD), LONGEST_METHOD)
    put(event, "path", _taken(attributes, PATH), LONGEST_PATH)
    put(event, "user_agent", _taken(attributes, AGENT), LONGEST_AGENT)
    put(event, "request_id", _taken(attributes, REQUEST_ID) or origin.trace_id, LONGEST_REQUEST_ID)
    put_address(event, _taken(attributes, ADDRESS), "client")
    code = _taken(attributes, STATUS_CODE)
    if word(code) is not None:
        digits = str(word(code))
        if digits.isascii() and digits.isdigit() and 100 <= int(digits[:4]) <= 599:
            event["status_code"] = int(digits[:4])
        else:
            event["metadata"]["status_code"] = code
    for name, unit in DURATION.items():
        if "duration_ms" not in event and name in attributes:
            put_duration(event, attributes[name], unit)
            if "duration_ms" in event:
                del attributes[name]


def _put_status(event: dict[str, Any], record: Any, attributes: dict[str, Any]) -> None:
    outcome = word(_first(attributes, STATUS))
    if outcome is not None:
        is_error = status_of(outcome) == "error"
    elif "status_code" in event:
        is_error = event["status_code"] >= 400
    else:
        is_error = record.severity_number >= ERROR or _first(attributes, FAULT) is not None
    event["status"] = "error" if is_error else "success"


def _put_who(event: dict[str, Any], attributes: dict[str, Any], resource: dict[str, Any]) -> None:
    name, email = _taken(attributes, ACTOR_NAME), _taken(attributes, ACTOR_EMAIL)
    put_actor(
        event,
        _taken(attributes, ACTOR),
        email,
        name,
        event.get("ip"),
        resource.get("service.name"),
        name=name,
        email=email,
    )
    role = _taken(attributes, ACTOR_ROLE)
    if isinstance(role, list):
        role = ", ".join(map(str, role))
    if text := word(role):
        event["actor"]["role"] = text[:LONGEST_ROLE]


def _put_what(event: dict[str, Any], attributes: dict[str, Any]) -> None:
    kind, identity = attributes.get("target.type"), attributes.get("target.id")
    if word(kind) and word(identity):
        target = {"type": str(kind), "id": str(identity)}
        if name := word(attributes.get("target.name")):
            target["name"] = name
        put_targets(event, [target])
        for name in ("target.type", "target.id", "target.name"):
            attributes.pop(name, None)
    changes = attributes.get("changes")
    if isinstance(changes, dict) and all(
        isinstance(pair, list) and len(pair) == 2 for pair in changes.values()
    ):
        event["changes"] = attributes.pop("changes")


def _first(attributes: dict[str, Any], names: Iterable[str]) -> Any:
    return next((attributes[name] for name in names if name in attributes), None)


def _taken(attributes: dict[str, Any], names: Iterable[str]) -> Any:
    """Take the first of the attributes ``names`` that is present; metadata then leaves it out."""
    for name in names:
        if name in attributes:
            return attributes.pop(name)
    return None


def _plain(pairs: Iterable[Any]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(any_value: Any) -> Any:
    """Convert an ``AnyValue`` to JSON."""
    kind = any_value.WhichOneof("value")
    if kind is None:
        return None
    value = getattr(any_value, kind)
    if kind == "array_value":
        return [_value(inner) for inner in value.values]
    if kind == "kvlist_value":
        return _plain(value.values)
    if kind == "bytes_value":
        return b64encode(value).decode()
    if kind == "double_value" and not math.isfinite(value):
        return str(value)
    return value
