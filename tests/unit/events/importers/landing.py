"""Finds values of a JSON source that are in none of its events, without the importers' code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

# What stands around the records of an answer, and says nothing of them.
AROUND = {
    "status", "pagination", "chunk_size", "next_stream_position", "from", "to", "page_size",
    "next_page_token", "next_page", "success", "errors", "messages", "kind", "etag", "object",
    "has_more", "url", "@odata.context",
}  # fmt: skip


def leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no object or list, with the names that lead to it."""
    members: Iterator[tuple[Any, Any]]
    if isinstance(value, dict):
        members = iter(value.items())
    elif isinstance(value, list):
        members = iter(enumerate(value))
    else:
        yield place, value
        return
    for name, inner in members:
        yield from leaves(inner, f"{place}.{name}" if place else str(name))


def lost(text: str, events: Sequence[dict[str, Any]], drop: set[str]) -> list[str]:
    """The leaves of a source that are in no event: neither as a value nor within one."""
    told = _told(events)
    return [
        f"{place}: {value}"
        for document in _documents(text)
        for place, value in leaves(document)
        if value not in (None, "", "-") and not _is_dropped(place, drop)
        if not any(form in told for form in _forms(value))
    ]


def _documents(text: str) -> Iterator[Any]:
    try:
        documents = [json.loads(text)]
    except ValueError:
        documents = [json.loads(line) for line in text.splitlines()]
    for document in documents:
        if isinstance(document, dict) and any(
            isinstance(inner, list) for name, inner in document.items() if name not in AROUND
        ):
            yield {name: inner for name, inner in document.items() if name not in AROUND}
        else:
            yield document


def _told(events: Sequence[dict[str, Any]]) -> str:
    """All that the events say, as one text."""
    names = [json.dumps(event, ensure_ascii=False) for event in events]
    values = [str(value) for event in events for _, value in leaves(event)]
    return "\n".join([*names, *values])


def _is_dropped(place: str, drop: set[str]) -> bool:
    plain = ".".join(name for name in place.split(".") if not name.isdecimal())
    if plain.endswith("attributes.key"):
        return True  # the name of an attribute, as whose field its value is told
    return any(plain == name or plain.endswith(f".{name}") or f"{name}." in plain for name in drop)


def _forms(value: Any) -> list[str]:
    """List the forms in which an event may hold a value: itself, a time, or a duration in ms."""
    forms = [json.dumps(value, ensure_ascii=False), str(value)]
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value[:26] + value[29:] if len(value) > 27 else value)
            forms.append(moment.astimezone(UTC).isoformat())
        except ValueError:
            pass
    digits = str(value)
    if digits.isdecimal() and len(digits) >= 10:
        moment = datetime.fromtimestamp(int(digits[:10]), UTC)
        forms.append(moment.isoformat()[:19])
    if digits.isdecimal():
        forms.append(str(int(digits) / 1e6))
    return forms
