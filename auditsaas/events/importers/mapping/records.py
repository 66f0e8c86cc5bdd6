"""The records of one object of a source: unpacked, lifted and split as a mapping says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from auditsaas.events.importers.mapping.expressions import has, paths_of
from auditsaas.events.importers.mapping.form import Mapping, Need
from auditsaas.events.importers.mapping.paths import (
    EVERY,
    Found,
    Path,
    Place,
    elements,
    find,
    without,
)
from auditsaas.events.importers.outcome import LineError, first_keys, listed

_NAMES = ("key", "name", "Name")
MOST_PARTS = 10_000
"""Events of one record."""


def records_of(mapping: Mapping, record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Split a record into each that becomes an event.

    Raises:
        LineError: the record is not of the mapping's kind, or a list to be split is empty.
    """
    for path in mapping.unpack:
        record = _unpacked(record, path)
    for path in mapping.lift:
        record = _lifted(record, path)
    if lacks := [need for need in mapping.needs if not has(record, need)]:
        raise _lacking(mapping, record, lacks)
    parts = [record]
    for path in mapping.split:
        parts = [part for whole in parts for part in _split(whole, path)]
        if len(parts) > MOST_PARTS:
            raise LineError(f"holds more than {MOST_PARTS:,} events")
    for part in parts:
        for path in mapping.lift if mapping.split else ():
            part = _lifted(part, path)
        yield _paired(part, mapping)


def has_id_of_its_own(mapping: Mapping) -> bool:
    """Tell whether each of the parts that a record is split into tells the id."""
    last = mapping.split[-1] if mapping.split else ()
    return last in mapping.lift or any(path[: len(last)] == last for path in paths_of(mapping.id))


def _unpacked(record: dict[str, Any], path: Path) -> dict[str, Any]:
    found = find(record, path)
    if found is None or not isinstance(found.value, str):
        return record
    try:
        inner = msgspec.json.decode(found.value)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise LineError(f"its {'.'.join(path)} is not JSON") from None
    made: dict[str, Any] = _with(record, found.place, inner)
    return made


def _paired(record: dict[str, Any], mapping: Mapping) -> dict[str, Any]:
    for path in mapping.pairs:
        for found in list(_lists(record, path)):
            if (taken := _object_of(found.value)) is not None:
                record = _with(record, found.place, taken)
    return record


def _lists(record: dict[str, Any], path: Path) -> Iterator[Found]:
    if EVERY not in path:
        found = find(record, path)
        return iter([] if found is None else [found])
    cut = path.index(EVERY)
    outer = elements(record, path[:cut])
    within = (find(each.value, path[cut + 1 :], each.place) for each in outer)
    return (found for found in within if found is not None)


def _object_of(pairs: object) -> dict[str, Any] | None:
    """Merge `[{"name": "a", "value": 1}]` to `{"a": 1}`; None for a name missing or there twice."""
    if not isinstance(pairs, list):
        return None
    taken: dict[str, Any] = {}
    for pair in pairs:
        members = dict(pair) if isinstance(pair, dict) else {}
        name = next((members.pop(key) for key in _NAMES if isinstance(members.get(key), str)), None)
        if name is None or name in taken or len(members) != 1:
            return None
        (taken[name],) = members.values()
    return taken


def _lifted(record: dict[str, Any], path: Path) -> dict[str, Any]:
    found = find(record, path)
    if found is None or not isinstance(found.value, dict):
        return record
    outer = without(record, [found.place])
    return {**outer, **found.value}


def _split(record: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    found = find(record, path)
    if found is None or not isinstance(found.value, list):
        raise LineError(f"has no list of events in {'.'.join(path)}{first_keys(record)}")
    return [_with(record, found.place, element) for element in found.value]


def _with(record: Any, place: Place, value: object) -> Any:
    """Copy a record with ``value`` at a place, along which alone it is copied."""
    if not place:
        return value
    copy: Any = list(record) if isinstance(record, list) else dict(record)
    copy[place[0]] = _with(record[place[0]], place[1:], value)
    return copy


def _lacking(mapping: Mapping, record: dict[str, Any], lacks: list[Need]) -> LineError:
    """Name what a record lacks, where it is near: it lacks one thing only, and has two."""
    near = len(mapping.needs) - 1 if len(lacks) == 1 else 0
    words = f"is none of {mapping.title}: it has no {listed([str(need) for need in lacks])}"
    return LineError(f"{words}{first_keys(record)}", near if near > 1 else 0)
