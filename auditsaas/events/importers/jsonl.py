"""JSONL: events in the shape of the API, one a line.

An event that has an id keeps it (see ``own``); one without needs ``occurred_at``, so that the same
file never adds it twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

import msgspec

from auditsaas.events import event_fields
from auditsaas.events.event_fields import Origin
from auditsaas.events.importers import own
from auditsaas.events.importers.format import Format, structure_of
from auditsaas.events.importers.lines import Source, untold
from auditsaas.events.importers.outcome import LineError, Refused
from auditsaas.events.importers.own import Item
from auditsaas.events.importers.reading import Orders, Outcomes, Reading, objects, record_of
from auditsaas.events.importers.times import read_time
from auditsaas.events.schema import FIELDS

# What the server adds to an event when it is stored.
_SERVERS = frozenset(
    known.name for known in event_fields.FIELDS if known.origin is not Origin.SENDER
)
# A batch as it is posted, and a page as the API answers.
_NAMES = frozenset({"events", "data"})


class _Numbered(msgspec.Struct):
    seq: Any = None


_seq = msgspec.json.Decoder(_Numbered).decode


def parse(source: Source, reading: Reading) -> Outcomes:
    orders = Orders()
    for number, byte, raw in _records(source, reading):
        try:
            record = record_of(raw)
            event = _event(record, reading.zone)
            yield own.parsed(number, event, record.get("id"), reading, orders)
        except LineError as error:
            yield Refused(number, error.reason, byte, error.near)


def _records(source: Source, reading: Reading) -> Iterator[tuple[int, int | None, bytes]]:
    """Read records in the file's order for a sample, else by ``seq``; report progress."""
    if reading.is_sample:
        yield from objects(source, _NAMES, reading.progress)
        return
    for _, number, byte, raw in own.in_order(_numbered(source)):
        reading.progress(len(raw) + 1)
        yield number, byte, raw


def _numbered(source: Source) -> Iterator[Item]:
    for number, byte, raw in objects(source, _NAMES, untold):
        try:
            seq = own.seq_of(_seq(raw).seq)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            seq = 0
        yield seq, number, byte, raw


def _event(record: dict[str, Any], zone: tzinfo | None) -> dict[str, Any]:
    missing = [name for name, field in FIELDS.items() if field.required and name not in record]
    if missing:
        raise LineError(f"is no event: {missing[0]} is required")
    if "occurred_at" not in record:
        raise LineError("has no occurred_at, so that it could be added twice")
    event = {name: value for name, value in record.items() if name not in _SERVERS}
    return event | {"occurred_at": read_time(record["occurred_at"], zone)}


FORMAT = Format(
    key="jsonl",
    title="Events as the API takes them, and our own JSONL files",
    parse=parse,
    check=lambda source: structure_of(source, _NAMES),
)
