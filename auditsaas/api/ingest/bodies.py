"""From the body of a request to the events in it, each accepted or refused by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from auditsaas.api.ingest.bounds import (
    TooManyEvents,
    events_of,
    items_of,
    lines_of,
    refuse_many_values,
)
from auditsaas.api.ingest.unpacking import NotJson
from auditsaas.errors import DomainError
from auditsaas.events.schema import SURROGATE_ESCAPE, EventInput, RefusedEvent, checked
from auditsaas.events.writing.amending import event_from_json, event_from_mapping
from auditsaas.events.writing.append import MAX_BATCH

JSON_KINDS = frozenset({"application/json", "text/json"})
LINES_KINDS = frozenset(
    {
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/jsonlines",
        "application/json-lines",
        "application/x-jsonlines",
        "application/x-json-lines",
        "application/x-jsonl",
        "text/x-ndjson",
    }
)
"""Content types that senders use for one JSON text a line; none is registered."""

SPACE = b" \t\r\n"
NUL_ESCAPE = rb"\u0000"


class NoEvents(DomainError):
    """The body is an empty array."""


@dataclass(frozen=True)
class Parsed:
    """The events of one request, by their place in it."""

    events: dict[int, EventInput]
    refused: dict[int, RefusedEvent]

    def __len__(self) -> int:
        return len(self.events) + len(self.refused)


_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True)
class Reader:
    """Reads events as of ``now``; ``keep_unknown`` keeps fields that no event has in metadata."""

    now: datetime
    keep_unknown: bool = False

    def json(self, raw: bytes | msgspec.Raw) -> EventInput:
        return event_from_json(raw, self.now, keep_unknown=self.keep_unknown)

    def mapping(self, values: object) -> EventInput:
        return event_from_mapping(values, self.now, keep_unknown=self.keep_unknown)

    def decoded(self, event: EventInput, *, storable_texts: bool) -> EventInput:
        try:
            return checked(event, self.now, storable_texts=storable_texts)
        except RefusedEvent:
            return self.mapping(msgspec.to_builtins(event))


def parse_json(body: bytes, reader: Reader) -> Parsed:
    """Parse one event, ``{"events": […]}``, an array of events, or one event a line.

    Raises:
        NotJson: the body is neither a JSON object nor an array.
        NoEvents: it is an empty array.
        TooLarge: more than 1,000 events, or more values than they may have.
    """
    refuse_many_values(body)
    try:
        is_array = body.lstrip(SPACE).startswith(b"[")
        batch = events_of(body, is_array=is_array)
        if is_array and not batch:
            raise NoEvents("The array holds no events.")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _parse_apart(body, reader)
    # JSON can spell NUL only so, and msgspec refuses lone surrogates. A single byte is found much
    # faster, and most bodies escape nothing.
    clean = b"\\" not in body or NUL_ESCAPE not in body
    return parse_each(batch, partial(reader.decoded, storable_texts=clean))


def parse_lines(body: bytes, reader: Reader) -> Parsed:
    """Parse NDJSON: one event a line; blank lines do not count."""
    refuse_many_values(body)
    return parse_each(lines_of(body), reader.json)


def parse_each(items: Sequence[Any], accept: Callable[[Any], EventInput]) -> Parsed:
    """Parse each item by itself.

    Raises:
        TooLarge: more than 1,000.
    """
    if len(items) > MAX_BATCH:
        raise TooManyEvents
    events: dict[int, EventInput] = {}
    refused: dict[int, RefusedEvent] = {}
    for index, item in enumerate(items):
        try:
            events[index] = accept(item)
        except RefusedEvent as error:
            refused[index] = error
    return Parsed(events, refused)


def _parse_apart(body: bytes, reader: Reader) -> Parsed:
    """Parse each event by itself, because one is wrong or it is a single event."""
    if not _is_utf8(body):
        raise NotJson("The body is not UTF-8.")
    try:
        items = _items(body)
    except RecursionError:
        raise NotJson("The body is nested too deeply.") from None
    except msgspec.ValidationError:
        raise NotJson("The body must be a JSON object or an array of objects.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        values = _with_lone_surrogates(body)
        if values is not None:
            return parse_each(values, reader.mapping)
        lines = lines_of(body)
        if _are_events(lines):
            return parse_each(lines, reader.json)
        raise NotJson(f"The body is not JSON: {error}.") from None
    return parse_each(items, reader.json)


def _items(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    """Split one JSON text into the texts of its events."""
    if body.lstrip(SPACE).startswith(b"["):
        return items_of(body)
    members = _decode_members(body)
    if set(members) != {"events"}:
        return [body]
    try:
        return items_of(members["events"])
    except msgspec.MsgspecError:
        raise NotJson("events must be a list.") from None


def _are_events(lines: Sequence[bytes]) -> bool:
    """Tell whether these are lines of JSON sent as one text: the first is an object."""
    if len(lines) < 2:
        return False
    try:
        _decode_members(lines[0])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _with_lone_surrogates(body: bytes) -> list[Any] | None:
    """Decode JSON that msgspec refuses only because an escape names half of a surrogate pair.

    It is refused for the one event that holds it, not for the whole batch.
    """
    if not SURROGATE_ESCAPE.search(body):
        return None
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        return None
    events = value.get("events") if set(value) == {"events"} else [value]
    return events if isinstance(events, list) else None
