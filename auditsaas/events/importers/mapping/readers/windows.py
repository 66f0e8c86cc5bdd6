"""Windows events in XML, as the Event Viewer and ``wevtutil`` write them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from auditsaas.events.importers.bounds import MOST_FIELDS, too_many
from auditsaas.events.importers.lines import MAX_LINE_BYTES, Progress, Source
from auditsaas.events.importers.outcome import LineError

_CHUNK = 256 * 1024
_BEGIN = b"<Event "
_BARE = b"<Event>"
_END = b"</Event>"


def elements(source: Source, progress: Progress) -> Iterator[tuple[int, bytes]]:
    """Read the first byte and the text of each ``Event`` element; cut one that is never closed."""
    read = source.reader(progress)
    buffer, passed = b"", 0
    is_over = False
    while not is_over:
        chunk = read(_CHUNK)
        buffer, is_over = buffer + chunk, not chunk
        position = 0
        while (begin := _next(buffer, position)) >= 0:
            end = buffer.find(_END, begin)
            if end < 0 and not is_over and len(buffer) - begin <= MAX_LINE_BYTES:
                break
            stop = len(buffer) if end < 0 else end + len(_END)
            yield passed + begin, buffer[begin:stop]
            position = stop
        keep = begin if begin >= 0 else max(position, len(buffer) - len(_BEGIN))
        buffer, passed = buffer[keep:], passed + keep


def read_element(raw: bytes) -> dict[str, Any]:
    """Read the record of an ``Event`` element: its ``System`` members, and its data by their names.

    A document type cannot stand inside an element, so there are no entities to be expanded.

    Raises:
        LineError: it is no XML, or too long.
    """
    if len(raw) > MAX_LINE_BYTES:
        raise LineError(f"longer than {MAX_LINE_BYTES:,} bytes")
    if raw.count(b"<") > 2 * MOST_FIELDS:
        raise too_many()
    try:
        event = ElementTree.fromstring(raw)  # noqa: S314  # see above
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise LineError(f"is not XML: {error}") from None
    record: dict[str, Any] = {}
    for section in event:
        members = _members(section)
        record |= members if _name(section) == "System" else {_name(section): members}
    return record


def _next(buffer: bytes, start: int) -> int:
    found = [place for mark in (_BEGIN, _BARE) if (place := buffer.find(mark, start)) >= 0]
    return min(found, default=-1)


def _members(section: ElementTree.Element) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for number, child in enumerate(section, 1):
        name, attributes = _name(child), dict(child.attrib)
        if name == "Data":
            name = attributes.pop("Name", f"Data {number}")
        text = (child.text or "").strip()
        if len(child):
            members[name] = _members(child) | attributes
        elif text and attributes:
            members |= {name: text, f"{name} attributes": attributes}
        else:
            members[name] = text or attributes
    return members


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
