"""From the body of a request to the events in it, each accepted or refused by itself."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from auditsaas.errors import DomainError
from auditsaas.events.schema import (
    SURROGATE_ESCAPE,
    EventInput,
    RefusedEvent,
    checked,
    from_json,
    from_mapping,
)
from auditsaas.events.writing.append import MAX_BATCH

MAX_BODY_BYTES = 5_000_000


class NotJson(DomainError):
    """The body is not JSON at all."""

    status = 400
    title = "Not JSON"


class TooLarge(DomainError):
    """The body, its unpacked form, or the number of events is over the limit."""

    status = 413
    title = "Too large"


class Unsupported(DomainError):
    """A content type or encoding that this address does not read."""

    status = 415
    title = "Unsupported media type"


@dataclass(frozen=True)
class Parsed:
    """The events of one request, by their place in it."""

    events: dict[int, EventInput]
    refused: dict[int, RefusedEvent]

    def __len__(self) -> int:
        return len(self.events) + len(self.refused)


class _Batch(msgspec.Struct, forbid_unknown_fields=True):
    events: list[EventInput]


NUL_ESCAPE = rb"\u0000"

_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


def unpack(body: bytes, encoding: str) -> bytes:
    """The body without its content encoding; gzip stops unpacking at the size limit.

    Raises:
        TooLarge: it unpacks to more than 5 MB.
        NotJson: it is not complete gzip.
        Unsupported: an encoding other than gzip.
    """
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise Unsupported(f"Content-Encoding {encoding[:40]} is not read; send gzip or none.")
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        unpacked = unpacker.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error:
        raise NotJson("The body is not gzip.") from None
    if len(unpacked) > MAX_BODY_BYTES:
        raise TooLarge("The body unpacks to more than 5,000,000 bytes.")
    if not unpacker.eof:
        raise NotJson("The gzip body ends early.")
    return unpacked


def parse_json(body: bytes, now: datetime) -> Parsed:
    """One event, or ``{"events": […]}``.

    Raises:
        NotJson: the body is not a JSON object.
        TooLarge: more than 1,000 events.
    """
    try:
        batch = _decode_batch(body).events
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _parse_apart(body, now)
    # JSON can spell NUL only so, and msgspec refuses lone surrogates. A single byte is found much
    # faster, and most bodies escape nothing.
    clean = b"\\" not in body or NUL_ESCAPE not in body
    return _sorted(batch, partial(checked, now=now, storable_texts=clean))


def parse_lines(body: bytes, now: datetime) -> Parsed:
    """NDJSON: one event a line; blank lines do not count."""
    lines = [line for line in body.split(b"\n") if line.strip()]
    return _sorted(lines, lambda line: from_json(line, now))


def _parse_apart(body: bytes, now: datetime) -> Parsed:
    """Something is wrong, or it is a single event: look at each event by itself."""
    if not _is_utf8(body):
        raise NotJson("The body is not UTF-8.")
    try:
        members = _decode_members(body)
    except RecursionError:
        raise NotJson("The body is nested too deeply.") from None
    except msgspec.ValidationError:
        raise NotJson("The body must be a JSON object.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        values = _with_lone_surrogates(body)
        if values is None:
            raise NotJson(f"The body is not JSON: {error}.") from None
        return _sorted(values, lambda value: from_mapping(value, now))
    if set(members) != {"events"}:
        return _sorted([body], lambda raw: from_json(raw, now))
    try:
        items = _decode_items(members["events"])
    except msgspec.MsgspecError:
        raise NotJson("events must be a list.") from None
    return _sorted(items, lambda raw: from_json(raw, now))


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _with_lone_surrogates(body: bytes) -> list[Any] | None:
    """JSON that msgspec refuses only because an escape names half of a surrogate pair.

    It is refused for the one event that holds it, not for the whole batch.
    """
    if not SURROGATE_ESCAPE.search(body):
        return None
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    events = value.get("events") if set(value) == {"events"} else [value]
    return events if isinstance(events, list) else None


def _sorted(items: Sequence[Any], accept: Any) -> Parsed:
    if len(items) > MAX_BATCH:
        raise TooLarge(
            f"A request holds at most {MAX_BATCH:,} events; this one has {len(items):,}."
        )
    events: dict[int, EventInput] = {}
    refused: dict[int, RefusedEvent] = {}
    for index, item in enumerate(items):
        try:
            events[index] = accept(item)
        except RefusedEvent as error:
            refused[index] = error
    return Parsed(events, refused)
