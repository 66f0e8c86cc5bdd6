"""Finds values in a record by dotted paths, and takes from a record what was used elsewhere.

A path names members of objects, and elements of lists by their number from 0: ``actor.user.id``,
``events.0.name``. A member whose own name holds dots is found as well, as ``event.action`` of flat
records is. ``*`` is any member, of which the
first that has the rest of the path counts. ``.`` is the record itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from auditsaas.events.importers.outcome import NOTHING

Path = tuple[str, ...]
Place = tuple[str | int, ...]
"""The path to a value: the names and numbers that lead to it."""

EVERY = "*"
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Found:
    value: Any
    place: Place


def path_of(text: str) -> Path:
    return () if text == "." else tuple(text.split("."))


def find(record: object, path: Path, at: Place = ()) -> Found | None:
    """Find the value at a path; None where there is none, or where it says nothing (``-``)."""
    found = _walk(record, path, at)
    return None if found is None or found.value in NOTHING else found


def elements(record: object, path: Path, at: Place = ()) -> Iterator[Found]:
    """List the elements at a path; ``*`` stands for every element of a list before it."""
    if EVERY in path:
        cut = path.index(EVERY)
        for outer in elements(record, path[:cut], at):
            yield from elements(outer.value, path[cut + 1 :], outer.place)
        return
    found = _walk(record, path, at)
    if found is None:
        return
    if isinstance(found.value, list):
        for number, element in enumerate(found.value):
            yield Found(element, (*found.place, number))
    elif isinstance(found.value, dict):
        yield found


def without(record: dict[str, Any], places: Sequence[Place]) -> dict[str, Any]:
    """Copy a record without what is at ``places``, and without whatever says nothing then."""
    used: dict[str | int, Any] = {}
    for place in places:
        node = used
        for step in place[:-1]:
            node = node.setdefault(step, {})
            if node is None:
                break
        else:
            if place:
                node[place[-1]] = None
    return _members(record, used)


def _walk(value: object, path: Path, at: Place) -> Found | None:
    if not path:
        return Found(value, at)
    if isinstance(value, dict):
        for count in range(len(path), 0, -1):
            name = ".".join(path[:count]) if count > 1 else path[0]
            if name in value:
                found = _walk(value[name], path[count:], (*at, name))
                if found is not None:
                    return found
        if path[0] == EVERY:
            every = (_walk(inner, path[1:], (*at, name)) for name, inner in value.items())
            return next((found for found in every if found is not None), None)
    elif isinstance(value, list) and path[0].isdecimal() and len(path[0]) < 5:
        number = int(path[0])
        if number < len(value):
            return _walk(value[number], path[1:], (*at, number))
    return None


def _members(record: dict[str, Any], used: dict[str | int, Any]) -> dict[str, Any]:
    kept = ((name, _left(value, used.get(name, _MISSING))) for name, value in record.items())
    return {name: value for name, value in kept if value not in NOTHING}


def _left(value: Any, used: Any) -> Any:
    """Keep what of a value is used nowhere; None where nothing is left."""
    if used is _MISSING:
        return value
    if used is None:
        return None
    if isinstance(value, dict):
        return _members(value, used)
    if isinstance(value, list):
        kept = (_left(inner, used.get(n, _MISSING)) for n, inner in enumerate(value))
        return [inner for inner in kept if inner not in NOTHING]
    return value
