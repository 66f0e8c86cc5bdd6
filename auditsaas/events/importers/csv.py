"""The product's CSV files, and others with the same header.

Needed are ``created_at``, ``activity``, ``status`` and ``user_id``. An empty cell is nothing, a
quoted empty one is empty text, and a ``'`` that guards a cell against spreadsheets is removed. A
row with an ``event_id`` keeps it (see ``own``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import tzinfo
from typing import Any

import msgspec

from auditsaas.events.event_fields import FIELDS, SENT, EventField, Kind
from auditsaas.events.importers import own
from auditsaas.events.importers.bounds import MOST_FIELDS, too_many
from auditsaas.events.importers.format import Format
from auditsaas.events.importers.lines import MAX_LINE_BYTES, Progress, Source, untold
from auditsaas.events.importers.outcome import LineError, Refused
from auditsaas.events.importers.own import Item
from auditsaas.events.importers.reading import Orders, Outcomes, Reading
from auditsaas.events.importers.times import read_time, shown

NEEDED = tuple(known.heading for known in SENT if known.always)
FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CELL = re.compile(r'(?:"((?:[^"]++|"")*+)"|([^",\r\n]*+))(,|$)')


def _plain(text: str) -> str:
    guarded = len(text) > 1 and text[0] == "'" and text[1] in FORMULA_STARTS
    return text[1:] if guarded else text


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        raise LineError(f"{shown(text)} is not JSON") from None


def _number(kind: Callable[[str], float]) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            return kind(text)
        except ValueError:
            raise LineError(f"{shown(text)} is not a number") from None

    return read


def _reader(known: EventField) -> Callable[[str], Any]:
    if known.free:
        return _plain
    return _READERS.get(known.kind, str)


_READERS: dict[Kind, Callable[[str], Any]] = {
    Kind.CODE: _number(int),
    Kind.NUMBER: _number(float),
    Kind.DOCUMENT: _json,
}
_FIELDS = {
    known.heading: (known.name, _reader(known))
    for known in SENT
    if not known.in_actor and known.kind is not Kind.TIME
}
_ACTOR = {known.heading: known.key for known in SENT if known.in_actor}
COLUMNS = {"workspace_name", *(known.heading for known in FIELDS)}
"""What a header may name; what the sender did not give, the server makes anew."""

Cells = dict[str, str | None]


def parse(source: Source, reading: Reading) -> Outcomes:
    orders = Orders()
    header: list[str] = []
    for number, raw in _in_order(source, reading):
        try:
            if number == 1:
                header = _header(raw)
                continue
            cells = _cells(raw)
            if len(cells) != len(header):
                raise LineError(f"has {len(cells)} cells, not the header's {len(header)}")
            row = dict(zip(header, cells, strict=True))
            event = _event(row, reading.zone)
            yield own.parsed(number, event, row.get("event_id"), reading, orders)
        except LineError as error:
            yield Refused(number, error.reason)
            if number == 1:
                return


def _in_order(source: Source, reading: Reading) -> Iterator[tuple[int, bytes]]:
    if reading.is_sample:
        yield from _rows(source, reading.progress)
        return
    for _, number, _, raw in own.in_order(_numbered(source)):
        reading.progress(len(raw))
        yield number, raw


def _numbered(source: Source) -> Iterator[Item]:
    column: int | None = None
    for number, raw in _rows(source, untold):
        seq = 0
        try:
            cells = _cells(raw)
            if number == 1:
                column = cells.index("seq") if "seq" in cells else None
                seq = -1
            elif column is not None:
                seq = own.seq_of(int(cells[column] or 0))
        except (LineError, ValueError, IndexError):
            seq = -1 if number == 1 else 0
        yield seq, number, None, raw


def _rows(source: Source, progress: Progress) -> Iterator[tuple[int, bytes]]:
    """Read rows with their first line's number; a quoted cell may hold line breaks."""
    parts: list[bytes] = []
    first, size, is_open = 0, 0, False
    for number, line in source.lines(progress, keep_ends=True):
        if not parts:
            first, size, is_open = number, 0, False
        parts.append(line)
        size += len(line)
        is_open ^= line.count(b'"') % 2 == 1
        if is_open and size <= MAX_LINE_BYTES:
            continue
        row = b"".join(parts)
        if row.strip():
            yield first, row
        parts = []
    if parts:
        yield first, b"".join(parts)


def _header(raw: bytes) -> list[str]:
    header = [name or "" for name in _cells(raw.removeprefix(_BYTE_ORDER_MARK))]
    missing = [name for name in NEEDED if name not in header]
    unknown = [name for name in header if name not in COLUMNS]
    if missing:
        raise LineError(f"the header has no {missing[0]}")
    if unknown:
        raise LineError(f"{shown(unknown[0])} is no known column")
    return header


def _cells(raw: bytes) -> list[str | None]:
    if len(raw) > MAX_LINE_BYTES:
        raise LineError(f"longer than {MAX_LINE_BYTES:,} bytes, or a quote is never closed")
    try:
        text = raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise LineError("is not UTF-8") from None
    cells: list[str | None] = []
    position, comma = 0, ","
    while comma:
        cell = _CELL.match(text, position)
        if cell is None:
            raise LineError(f"is not CSV from its character {position + 1:,} on")
        quoted, bare, comma = cell.groups()
        if len(cells) == MOST_FIELDS:
            raise too_many()
        cells.append(bare or None if quoted is None else quoted.replace('""', '"'))
        position = cell.end()
    return cells


def _event(row: Cells, zone: tzinfo | None) -> dict[str, Any]:
    event: dict[str, Any] = {"occurred_at": read_time(row["created_at"], zone)}
    for column, (name, read) in _FIELDS.items():
        if (text := row.get(column)) is not None:
            event[name] = read(text)
    event["actor"] = {
        name: _plain(text)
        for column, name in _ACTOR.items()
        if (text := row.get(column)) is not None
    }
    return event


FORMAT = Format(key="csv", title="Our own CSV files", parse=parse)
