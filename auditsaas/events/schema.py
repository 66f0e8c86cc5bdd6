"""An event as a sender gives it: the shape of CONTRACT "An event", and what is refused.

msgspec decodes and checks a whole batch in one call; only what fails is looked at again, field by
field, to name everything that is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from auditsaas.db.ids import EPOCH
from auditsaas.errors import FieldError
from auditsaas.events.own_families import is_own
from auditsaas.events.wording import field_error, shown
from auditsaas.text import normal_address, storable

MAX_AHEAD = timedelta(minutes=10)
OWN = "is the product's own, as is all of its family"
MAX_JSON_BYTES = 32 * 1024
MAX_JSON_DEPTH = 10

Short = Annotated[str, Meta(min_length=1, max_length=256)]
EmailText = Annotated[str, Meta(min_length=1, max_length=320)]


# JSON has no cycles, so the garbage collector need not look at what is read from it (gc=False).
class ActorInput(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, gc=False):
    """The actor, as known to the sender at the time."""

    id: Short
    name: Short | None = None
    email: EmailText | None = None
    role: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    status: Literal["active", "disabled"] | None = None


class TargetInput(
    Struct,
    forbid_unknown_fields=True,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    gc=False,
):
    """A thing that the activity was done to."""

    type: Annotated[str, Meta(min_length=1, max_length=128)]
    id: Short
    name: Short | None = None


class EventInput(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, gc=False):
    activity: Annotated[str, Meta(min_length=1, max_length=128)]
    status: Literal["success", "error"]
    actor: ActorInput
    occurred_at: Annotated[datetime, Meta(tz=True)] | None = None
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    method: Annotated[str, Meta(min_length=1, max_length=32)] | None = None
    path: Annotated[str, Meta(max_length=4096)] | None = None
    status_code: Annotated[int, Meta(ge=100, le=599)] | None = None
    ip: Annotated[str, Meta(max_length=45)] | None = None
    user_agent: Annotated[str, Meta(max_length=2048)] | None = None
    duration_ms: Annotated[float, Meta(ge=0, le=86_400_000)] | None = None
    request_id: Annotated[str, Meta(max_length=128)] | None = None
    targets: Annotated[list[TargetInput], Meta(max_length=20)] | None = None
    changes: dict[str, Annotated[list[Any], Meta(min_length=2, max_length=2)]] | None = None
    metadata: dict[str, Any] | None = None


class RefusedEvent(Exception):
    """One event cannot be stored; ``errors`` names every field that is wrong."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = errors


FIELDS = {field.encode_name: field for field in msgspec.structs.fields(EventInput)}
_decode_event = msgspec.json.Decoder(EventInput).decode
_decode_any = msgspec.json.Decoder().decode


def from_json(raw: bytes | msgspec.Raw, now: datetime) -> EventInput:
    """Read one event from its JSON text.

    Raises:
        RefusedEvent: it breaks a rule of the contract.
    """
    try:
        event = _decode_event(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise RefusedEvent(_explain(raw)) from None
    return checked(event, now)


def from_mapping(values: object, now: datetime, *, copied: bool = False) -> EventInput:
    """Read one event from plain values, such as an importer makes; for ``copied`` see ``checked``.

    Raises:
        RefusedEvent: it breaks a rule of the contract.
    """
    if not isinstance(values, dict):
        raise RefusedEvent([FieldError("", "must be a JSON object")])
    try:
        event = msgspec.convert(values, EventInput)
    except (msgspec.ValidationError, RecursionError, UnicodeEncodeError):
        raise RefusedEvent(_field_errors(values)) from None
    return checked(event, now, copied=copied)


def checked(
    event: EventInput, now: datetime, *, storable_texts: bool = False, copied: bool = False
) -> EventInput:
    """Return ``event`` once it also keeps the rules that its types cannot say.

    ``storable_texts`` tells that the source was looked through for what PostgreSQL cannot keep.
    ``copied`` tells that it was in a log of the product before, and may be the product's own.

    Raises:
        RefusedEvent: it does not.
    """
    if not copied and is_own(event.activity):
        raise RefusedEvent([FieldError("activity", OWN), *_rule_errors(event, now)])
    if not _keeps_the_rules(event, now, storable_texts=storable_texts):
        raise RefusedEvent(list(_rule_errors(event, now)))
    return event


def _keeps_the_rules(event: EventInput, now: datetime, *, storable_texts: bool) -> bool:
    """Check the rules of ``_rule_errors``, cheapest first: nearly every event is good."""
    if not event.activity.isprintable() or event.activity.isspace():
        return False
    if event.occurred_at is None:
        if event.idempotency_key is not None:
            return False
    elif event.occurred_at < EPOCH or event.occurred_at > now + MAX_AHEAD:
        return False
    if event.ip is not None and normal_address(event.ip) is None:
        return False
    if not storable_texts and any(_text_errors(event)):
        return False
    if event.changes is not None and any(_json_errors("changes", event.changes)):
        return False
    return event.metadata is None or not any(_json_errors("metadata", event.metadata))


def _explain(raw: bytes | msgspec.Raw) -> list[FieldError]:
    try:
        values = _decode_any(raw)
    except RecursionError:
        return [FieldError("", "is nested too deeply")]
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return [FieldError("", _unreadable(raw, error))]
    if not isinstance(values, dict):
        return [FieldError("", "must be a JSON object")]
    return _field_errors(values)


def _unreadable(raw: bytes | msgspec.Raw, error: Exception) -> str:
    if SURROGATE_ESCAPE.search(bytes(raw)):
        return "contains half of a surrogate pair, which is not text"
    if "out of range" in str(error):
        return "contains a number that is out of range"
    return "is not valid JSON"


def _field_errors(values: dict[str, Any]) -> list[FieldError]:
    errors = [
        FieldError(shown(name), "is not a known field") for name in values if name not in FIELDS
    ]
    for name, field in FIELDS.items():
        if name not in values:
            if field.required:
                errors.append(FieldError(name, "is required"))
            continue
        try:
            msgspec.convert(values[name], field.type)
        except msgspec.ValidationError as error:
            errors.append(field_error(name, str(error)))
        except RecursionError:
            errors.append(FieldError(name, "is nested too deeply"))
        except UnicodeEncodeError:
            errors.append(FieldError(name, UNSTORABLE))
    return errors or [FieldError("", "is not a valid event")]


def _rule_errors(event: EventInput, now: datetime) -> Iterator[FieldError]:
    if not event.activity.isprintable() or event.activity.isspace():
        yield FieldError("activity", "must hold printable characters only")
    if event.occurred_at is not None:
        if event.occurred_at < EPOCH:
            yield FieldError("occurred_at", "must be 1970 or later")
        elif event.occurred_at > now + MAX_AHEAD:
            yield FieldError("occurred_at", "is more than 10 minutes ahead of this server's clock")
    elif event.idempotency_key is not None:
        yield FieldError("idempotency_key", "needs occurred_at")
    if event.ip is not None and normal_address(event.ip) is None:
        yield FieldError("ip", "must be an IPv4 or IPv6 address")
    yield from _text_errors(event)
    for name, value in (("changes", event.changes), ("metadata", event.metadata)):
        if value is not None:
            yield from _json_errors(name, value)


def _text_errors(event: EventInput) -> Iterator[FieldError]:
    actor = event.actor
    texts = {
        "actor.id": actor.id,
        "actor.name": actor.name,
        "actor.email": actor.email,
        "actor.role": actor.role,
        "idempotency_key": event.idempotency_key,
        "method": event.method,
        "path": event.path,
        "user_agent": event.user_agent,
        "request_id": event.request_id,
    }
    for name, text in texts.items():
        if text is not None and not storable(text):
            yield FieldError(name, UNSTORABLE)
    for index, target in enumerate(event.targets or ()):
        if not all(storable(text) for text in (target.type, target.id, target.name or "")):
            yield FieldError(f"targets[{index}]", UNSTORABLE)


SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
UNSTORABLE = "contains a NUL character or half of a surrogate pair"


def _json_errors(name: str, value: dict[str, Any]) -> Iterator[FieldError]:
    try:
        encoded = msgspec.json.encode(value)
    except (UnicodeEncodeError, RecursionError, TypeError, ValueError, OverflowError):
        yield FieldError(name, "is not JSON that can be stored")
        return
    if len(encoded) > MAX_JSON_BYTES:
        yield FieldError(name, f"is {len(encoded):,} bytes as JSON; the limit is 32,768")
    elif encoded.count(b"{") + encoded.count(b"[") > MAX_JSON_DEPTH and too_deep(value):
        yield FieldError(name, f"is nested more than {MAX_JSON_DEPTH} levels deep")
    elif b"\\u0000" in encoded and _has_nul(value):
        yield FieldError(name, UNSTORABLE)


def too_deep(value: Any) -> bool:
    """Tell whether JSON nests deeper than the contract's ten levels."""
    level: list[Any] = [value]
    for _ in range(MAX_JSON_DEPTH + 1):
        containers = [node for node in level if isinstance(node, dict | list)]
        if not containers:
            return False
        level = [
            child
            for node in containers
            for child in (node.values() if isinstance(node, dict) else node)
        ]
    return True


def _has_nul(value: Any) -> bool:
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            stack.extend(node)
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, str) and "\x00" in node:
            return True
    return False
