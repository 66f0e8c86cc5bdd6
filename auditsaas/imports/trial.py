"""Tries a mapping on a sample, so that a person sees at once what it makes of it."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, BinaryIO

import msgspec

from auditsaas.events.importers.documents import DocumentError, records
from auditsaas.events.importers.lines import Source, open_stream
from auditsaas.events.importers.mapping.expressions import paths_of
from auditsaas.events.importers.mapping.form import Mapping
from auditsaas.events.importers.mapping.parsing import each_record, format_of
from auditsaas.events.importers.mapping.paths import find
from auditsaas.events.importers.mapping.records import records_of
from auditsaas.events.importers.outcome import LineError, Refused
from auditsaas.events.importers.reading import Reading
from auditsaas.events.schema import EventInput, RefusedEvent, from_mapping
from auditsaas.events.writing.redaction import redacted

SHOWN_ROWS = 10
MOST_SAMPLE = 64 * 1024
"""Characters of a sample."""
MOST_NAMES = 300
_DEEPEST = 4
_READ = 1024 * 1024
_GZIP = b"\x1f\x8b"
LISTS = (
    *("items", "data", "value", "values", "records", "Records", "entries", "events", "Events"),
    *("logs", "log", "audit_logs", "operation_logs", "logEvents", "activities", "results"),
    *("result", "rows"),
)
"""Names under which services commonly hold their records."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A record of the sample: its event, or why there is none."""

    place: str
    event: EventInput | None = None
    metadata: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Trial:
    rows: list[Row]
    names: list[str]
    """The paths that the sample's records have."""
    unmatched: list[str]
    """The paths of the mapping that none of them has."""


def tried(mapping: Mapping, sample: str, redacted_keys: frozenset[str]) -> Trial:
    """Try a mapping on the first ten records of a sample. Nothing is stored."""
    with open_stream("sample", io.BytesIO(sample.encode("utf-8", "replace"))) as source:
        rows = list(islice(_rows(mapping, source, redacted_keys), SHOWN_ROWS))
        first = _first_records(mapping, source)
    prepared = [part for record in first for part in _parts(mapping, record)]
    wanted = dict.fromkeys(
        path for expression in mapping.fields.values() for path in paths_of(expression)
    )
    unmatched = [path for path in wanted if prepared and not _is_there(path, prepared)]
    return Trial(
        rows=rows,
        names=list(islice(dict.fromkeys(_names(prepared or first)), MOST_NAMES)),
        unmatched=[".".join(path) for path in unmatched],
    )


def sample_of(stream: BinaryIO) -> tuple[str, str]:
    """Read the beginning of a file as a sample, and name the list that holds its records.

    A document becomes one record a line; the name is empty where there is no such list.
    """
    raw = stream.read(_READ)
    if raw.startswith(_GZIP):
        try:
            raw = zlib.decompressobj(wbits=31).decompress(raw, _READ)
        except zlib.error:
            return "", ""
    if not raw.lstrip()[:1] or raw.lstrip()[:1] not in b"{[" or _is_one_line(raw):
        return _first_lines(raw), ""
    under = next((name for name in LISTS if f'"{name}"'.encode() in raw[:4096]), "")
    found = []
    try:
        for _, text in records(io.BytesIO(raw).read, frozenset({under})):
            found.append(msgspec.json.format(text, indent=0).decode("utf-8", "replace"))
            if len(found) == SHOWN_ROWS:
                break
    except (DocumentError, msgspec.MsgspecError):
        pass
    return "\n".join(found)[:MOST_SAMPLE] or _first_lines(raw), under


def _is_one_line(raw: bytes) -> bool:
    """Tell whether the first line is an object, and another follows."""
    first, ended, rest = raw.lstrip().partition(b"\n")
    try:
        return isinstance(msgspec.json.decode(first), dict) and bool(ended and rest.strip())
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False


def _first_lines(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace").removeprefix("\ufeff").replace("\x00", "")
    lines = text.splitlines(keepends=True)[: 3 * SHOWN_ROWS]
    kept = ""
    for line in lines:
        if len(kept) + len(line) > MOST_SAMPLE:
            break
        kept += line
    return kept


def _rows(mapping: Mapping, source: Source, redacted_keys: frozenset[str]) -> Iterator[Row]:
    now = datetime.now(UTC)
    found = format_of("sample", mapping).parse(source, Reading("sample:sample"))
    try:
        for outcome in found:
            if isinstance(outcome, Refused):
                yield Row(place=outcome.place, reason=outcome.reason)
                continue
            place = Refused(outcome.line, "", outcome.byte).place
            try:
                event = from_mapping(outcome.event, now)
            except RefusedEvent as error:
                yield Row(place=place, reason=str(error))
                continue
            rest = redacted(event.metadata or {}, redacted_keys)
            metadata = msgspec.json.encode(rest).decode() if rest else ""
            yield Row(place=place, event=event, metadata=metadata)
    except DocumentError as error:
        yield Row(place=f"byte {error.byte:,}", reason=error.reason)


def _first_records(mapping: Mapping, source: Source) -> list[dict[str, Any]]:
    try:
        return list(islice(each_record(mapping, source), SHOWN_ROWS))
    except DocumentError:
        return []


def _parts(mapping: Mapping, record: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        return list(islice(records_of(mapping, record), SHOWN_ROWS))
    except LineError:
        return []


def _is_there(path: tuple[str, ...], prepared: list[dict[str, Any]]) -> bool:
    return any(find(record, path) is not None for record in prepared)


def _names(found: list[dict[str, Any]]) -> Iterator[str]:
    for record in found:
        yield from _inner_names(record, "", _DEEPEST)


def _inner_names(value: dict[str, Any], before: str, levels: int) -> Iterator[str]:
    for name, inner in value.items():
        if isinstance(inner, dict) and levels > 1:
            yield from _inner_names(inner, f"{before}{name}.", levels - 1)
        else:
            yield f"{before}{name}"
