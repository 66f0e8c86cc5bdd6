"""Turns the lines or records of a source into events, by a format's own reading of one of them."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import msgspec

from auditsaas.events.importers import documents
from auditsaas.events.importers.fitting import SHORT, fit, storable_copy
from auditsaas.events.importers.lines import MAX_LINE_BYTES, Progress, Source, untold
from auditsaas.events.importers.outcome import LAST_ORDER, LineError, Parsed, Refused
from auditsaas.events.importers.weblog import readable
from auditsaas.events.schema import MAX_JSON_DEPTH, SURROGATE_ESCAPE

LONGEST_OWN_ID = 96
REMEMBERED_INSTANTS = 65_536
LONGEST_PREFIX = 512
"""Bytes that may stand before the object of a line."""
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Event = dict[str, Any]
Outcomes = Iterator[Parsed | Refused]
ReadLine = Callable[[bytes], Event | None]
"""The event of a line; None for a line that only describes the others. Raises LineError."""
ReadRecord = Callable[[dict[str, Any]], Event]
"""The event of a JSON object. Raises LineError."""


@dataclass(frozen=True)
class Reading:
    """The options for reading one source.

    ``key`` (at most 100 characters) begins the idempotency keys of its events. ``zone`` is that of
    times that name none.
    """

    key: str
    zone: tzinfo | None = None
    is_sample: bool = False
    """Only the beginning is wanted, to see what the source is."""
    progress: Progress = untold


class Orders:
    """Gives each event its place among those of the same instant.

    Only so many instants are remembered as keeps memory flat; one that returns after being
    forgotten starts at 0 again, and its events are still told apart by their keys.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[object, int] = OrderedDict()

    def next(self, instant: object) -> int:
        order = self._seen.pop(instant, 0)
        self._seen[instant] = order + 1
        if len(self._seen) > REMEMBERED_INSTANTS:
            self._seen.popitem(last=False)
        return min(order, LAST_ORDER)


def by_line(source: Source, reading: Reading, read: ReadLine) -> Outcomes:
    """Read each line as an event, or why it is none; blank lines are passed over.

    The line number makes the idempotency key, so that the same file never adds an event twice,
    and identical lines are events of their own.
    """
    orders = Orders()
    for number, raw in source.lines(reading.progress):
        if not raw.strip():
            continue
        try:
            event = read(checked_line(raw, number))
        except LineError as error:
            yield Refused(number, error.reason, near=error.near)
            continue
        if event is None:
            continue
        event["idempotency_key"] = f"{reading.key}:{number}"
        if len(raw) > SHORT:
            fit(event["metadata"])
        yield Parsed(number, event, order_of(event, orders))


def by_record(
    source: Source,
    reading: Reading,
    read: ReadRecord,
    *,
    names: frozenset[str] = frozenset(),
    own_id: Callable[[dict[str, Any]], object] = lambda _record: None,
) -> Outcomes:
    """Read each JSON object of a document or of lines as an event, or why it is none.

    ``names`` are those under which a document holds its records. ``own_id`` gives the id that the
    source itself gave a record, if there is one: it makes the idempotency key, so that files that
    overlap add an event once.

    Raises:
        DocumentError: the document's structure is broken.
    """
    orders = Orders()
    for number, byte, raw in objects(source, names, reading.progress):
        try:
            record = record_of(raw)
            event = read(record)
        except LineError as error:
            yield Refused(number, error.reason, byte, error.near)
            continue
        known_as = own_id(record)
        event["idempotency_key"] = key_of(reading, number, known_as)
        if known_as is None and (before := before_object(raw)):
            event["metadata"].setdefault("prefix", before)
        if len(raw) > SHORT or raw.count(b"{") + raw.count(b"[") > MAX_JSON_DEPTH:
            fit(event["metadata"])
        order = order_of(event, orders) if known_as is None else None
        yield Parsed(number, event, order, byte=byte)


def key_of(reading: Reading, number: int, known_as: object) -> str:
    """Make the idempotency key: by the source's own id, or else by the place in the file."""
    if known_as is None:
        return f"{reading.key}:{number}"
    return f"{reading.key.partition(':')[0]}:{_short(str(known_as))}"


def objects(
    source: Source, names: frozenset[str], progress: Progress = untold
) -> Iterator[tuple[int, int | None, bytes]]:
    """Read each record's number from 1, its first byte (None where each has a line) and its text.

    Raises:
        DocumentError: the document's structure is broken.
    """
    if _is_lines(source, names):
        for number, raw in source.lines(progress):
            if raw.strip():
                yield number, None, raw.removeprefix(_BYTE_ORDER_MARK) if number == 1 else raw
        return
    found = documents.records(source.reader(progress), names)
    for number, (byte, raw) in enumerate(found, 1):
        yield number, byte, raw


def before_object(raw: bytes) -> str:
    """Return what stands in a line before its object; mostly nothing."""
    return readable(raw[: _start(raw)].strip())


def _start(raw: bytes) -> int:
    """Find where the object of a line begins, behind what a collector wrote before it.

    Such as ``web-1  | {…}`` of Docker Compose and ``2026-11-16T08:00:00.000Z {…}`` of CloudWatch.
    """
    if raw.startswith((b"{", b"[")) or not raw.rstrip().endswith(b"}"):
        return 0
    return max(0, raw.find(b"{", 0, LONGEST_PREFIX))


def _is_lines(source: Source, names: frozenset[str]) -> bool:
    """Tell whether each line is a record of its own, so that a bad one need not spoil the rest."""
    for _, raw in source.lines():
        line = raw.removeprefix(_BYTE_ORDER_MARK).strip()
        if not line:
            continue
        if not line.startswith((b"{", b"[")):
            return True
        try:
            first = _MEMBERS.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
        return not any(bytes(first[name]).startswith(b"[") for name in names & first.keys())
    return True


def record_of(raw: bytes) -> dict[str, Any]:
    """Read the object of a record's text, or what it holds as ``_raw`` text.

    Raises:
        LineError: there is none.
    """
    record = _decoded(raw[_start(raw) :])
    if isinstance(record, dict) and isinstance(record.get("_raw"), str):
        record = _decoded(record["_raw"].encode("utf-8", "replace"))
    if not isinstance(record, dict):
        raise LineError("is no JSON object")
    return record


def _decoded(raw: bytes) -> Any:
    if len(raw) > MAX_LINE_BYTES:
        raise LineError(f"longer than {MAX_LINE_BYTES:,} bytes")
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        value = _decoded_leniently(raw, str(error))
    except RecursionError:
        raise LineError("is nested too deeply") from None
    return storable_copy(value) if b"\\u0000" in raw else value


def _decoded_leniently(raw: bytes, reason: str) -> Any:
    """Decode JSON with invalid UTF-8 or lone surrogates, replaced by U+FFFD."""
    text = raw.decode("utf-8", "replace")
    if "\ufffd" not in text and not SURROGATE_ESCAPE.search(raw):
        raise LineError(f"is not JSON: {reason}")
    try:
        return storable_copy(json.loads(text, parse_int=_integer))
    except (ValueError, RecursionError):
        raise LineError(f"is not JSON: {reason}") from None


def _integer(digits: str) -> float:
    return int(digits) if len(digits) < 19 else float(digits)


def checked_line(raw: bytes, number: int) -> bytes:
    if len(raw) > MAX_LINE_BYTES:
        raise LineError(f"longer than {MAX_LINE_BYTES:,} bytes")
    return raw.removeprefix(_BYTE_ORDER_MARK) if number == 1 else raw


def order_of(event: Event, orders: Orders) -> int | None:
    """Return the order within the instant, where the source knows times to no more than a ms."""
    moment = event["occurred_at"]
    if isinstance(moment, datetime) and moment.microsecond % 1000:
        return None
    return orders.next(moment)


def _short(own_id: str) -> str:
    if len(own_id) <= LONGEST_OWN_ID:
        return own_id
    return hashlib.sha256(own_id.encode()).hexdigest()
