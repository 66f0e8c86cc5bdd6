"""Reads the product's own files: events keep their ids and the order of their sequence.

An id holds the time of its event, so an event from a file is the very same event: into the
workspace it came from it is already there, and into another it keeps its id and its place. Only
``seq``, ``received_at`` and ``workspace`` are made anew.
"""

from __future__ import annotations

import heapq
import struct
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import IO, Any
from uuid import UUID

from auditsaas.db.ids import milliseconds_since_epoch
from auditsaas.events.importers.outcome import LineError, Parsed
from auditsaas.events.importers.reading import Event, Orders, Reading
from auditsaas.events.importers.times import shown

RUN_BYTES = 32 * 1024 * 1024
_HEAD = struct.Struct("<qqqI")
_NO_BYTE = -1

Item = tuple[int, int, int | None, bytes]
"""Its ``seq``, its number in the file, its first byte, and its text."""


def parsed(number: int, event: Event, identity: object, reading: Reading, orders: Orders) -> Parsed:
    """Parse an event whose id, if the file has one, is kept.

    Raises:
        LineError: the id is no event's, or of another time.
    """
    if identity is not None:
        return Parsed(number, event, id=_own_id(identity, event["occurred_at"]))
    if event.get("idempotency_key") is not None:
        return Parsed(number, event)
    event["idempotency_key"] = f"{reading.key}:{number}"
    return Parsed(number, event, orders.next(event["occurred_at"]))


def _own_id(identity: object, occurred_at: datetime) -> UUID:
    try:
        found = UUID(str(identity))
    except ValueError:
        raise LineError(f"{shown(identity)} is not an event's id") from None
    if found.version != 7 or found.int >> 80 != milliseconds_since_epoch(occurred_at)[0]:
        raise LineError(f"{shown(identity)} is not the id of an event of that time")
    return found


def in_order(items: Iterable[Item]) -> Iterator[Item]:
    """Sort the items by ``seq``, holding few in memory and the rest in temporary files."""
    runs: list[IO[bytes]] = []
    held: list[Item] = []
    size = 0
    try:
        for item in items:
            held.append(item)
            size += len(item[3])
            if size >= RUN_BYTES:
                runs.append(_written(sorted(held, key=_place)))
                held, size = [], 0
        held.sort(key=_place)
        yield from heapq.merge(*map(_read, runs), held, key=_place)
    finally:
        for run in runs:
            run.close()


def _place(item: Item) -> tuple[int, int]:
    return item[:2]


def _written(items: Iterable[Item]) -> IO[bytes]:
    run = tempfile.TemporaryFile()  # noqa: SIM115  # closed by in_order
    for seq, number, byte, raw in items:
        run.write(_HEAD.pack(seq, number, _NO_BYTE if byte is None else byte, len(raw)))
        run.write(raw)
    run.seek(0)
    return run


def _read(run: IO[bytes]) -> Iterator[Item]:
    while head := run.read(_HEAD.size):
        seq, number, byte, length = _HEAD.unpack(head)
        yield seq, number, None if byte == _NO_BYTE else byte, run.read(length)


def seq_of(value: Any) -> int:
    """Read a stored ``seq``; what has none, or no possible one, comes first."""
    return value if isinstance(value, int) and 0 < value < 1 << 62 else 0
