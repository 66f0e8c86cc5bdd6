"""The kinds of files that mappings read, each as numbered records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from auditsaas.events.importers.fitting import storable_copy
from auditsaas.events.importers.lines import Progress, Source
from auditsaas.events.importers.mapping import table
from auditsaas.events.importers.mapping.expressions import paths_of
from auditsaas.events.importers.mapping.form import Mapping, Need
from auditsaas.events.importers.mapping.paths import find
from auditsaas.events.importers.mapping.readers import (
    auditd,
    extended,
    haproxy,
    pgaudit,
    s3,
    syslog,
    windows,
)
from auditsaas.events.importers.outcome import LineError, Refused, listed
from auditsaas.events.importers.reading import before_object, checked_line, objects, record_of
from auditsaas.events.schema import MAX_JSON_DEPTH

SHOWN_COLUMNS = 8


@dataclass(frozen=True, slots=True)
class Item:
    number: int
    byte: int | None
    record: dict[str, Any]
    size: int
    """Bytes of its text."""
    is_nested: bool = False
    """Whether it may be nested more deeply than metadata may."""
    prefix: str = ""
    """Text that a collector wrote before it."""


Items = Iterator[Item | Refused]
Input = Callable[[Source, Mapping, Progress], Items]


def _json(source: Source, mapping: Mapping, progress: Progress) -> Items:
    for number, byte, raw in objects(source, mapping.under, progress):
        try:
            record = record_of(raw)
        except LineError as error:
            yield Refused(number, error.reason, byte)
            continue
        is_nested = raw.count(b"{") + raw.count(b"[") > MAX_JSON_DEPTH
        yield Item(number, byte, record, len(raw), is_nested, before_object(raw))


def _csv(source: Source, mapping: Mapping, progress: Progress) -> Items:
    for row in table.rows(source, progress):
        if isinstance(row, list):
            if lacks := _lacking_columns(mapping, row):
                yield Refused(1, lacks)
                return
        elif isinstance(row, Refused):
            yield row
        else:
            yield Item(row.number, None, row.cells, row.size, is_nested=bool(mapping.unpack))


def _lacking_columns(mapping: Mapping, header: list[str]) -> str | None:
    """Word why a file is refused whole for lack of columns; None where it lacks none."""
    time = Need(paths=tuple(paths_of(mapping.fields["occurred_at"])))
    packed = tuple(Need(paths=(path,)) for path in mapping.unpack[:1])
    needs = packed or mapping.needs or ((time,) if time.paths else ())
    named = dict.fromkeys(header, True)
    lacks = [str(need) for need in needs if not any(find(named, path) for path in need.paths)]
    if not lacks:
        return None
    return f"the header has no {listed(lacks)}; its columns are {listed(header[:SHOWN_COLUMNS])}"


def _lines(read: Callable[[str], dict[str, Any]]) -> Input:
    """Define an input of lines, each of which ``read`` makes a record or refuses by LineError."""

    def items(source: Source, _mapping: Mapping, progress: Progress) -> Items:
        for number, raw in source.lines(progress):
            if not raw.strip():
                continue
            try:
                text = checked_line(raw, number).decode("utf-8", "backslashreplace")
                yield Item(number, None, storable_copy(read(text)), len(raw))
            except LineError as error:
                yield Refused(number, error.reason, near=error.near)

    return items


def _windows(source: Source, mapping: Mapping, progress: Progress) -> Items:
    if not begins_with(source, b"<"):
        yield from _json(source, mapping, progress)
        return
    number = 0
    for number, (byte, raw) in enumerate(windows.elements(source, progress), 1):
        try:
            yield Item(number, byte, windows.read_element(raw), len(raw), is_nested=True)
        except LineError as error:
            yield Refused(number, error.reason, byte)
    if number == 0:
        yield Refused(1, "is XML without any Event element")


def _json_or_csv(source: Source, mapping: Mapping, progress: Progress) -> Items:
    return (_json if is_json(source, mapping) else _csv)(source, mapping, progress)


def is_json(source: Source, mapping: Mapping) -> bool:
    """Tell whether a source is read as JSON."""
    either = mapping.input in ("json-or-csv", "windows")
    return mapping.input == "json" or (either and begins_with(source, b"{["))


def begins_with(source: Source, characters: bytes) -> bool:
    start = source.reader()(1024).removeprefix(b"\xef\xbb\xbf").lstrip()
    return start[:1] != b"" and start[:1] in characters


INPUTS: dict[str, Input] = {
    "json": _json,
    "csv": _csv,
    "json-or-csv": _json_or_csv,
    "auditd": _lines(auditd.read),
    "cef": _lines(extended.read_cef),
    "haproxy": _lines(haproxy.read),
    "leef": _lines(extended.read_leef),
    "pgaudit": _lines(pgaudit.read),
    "s3-access": _lines(s3.read),
    "syslog": _lines(syslog.read),
    "windows": _windows,
}
