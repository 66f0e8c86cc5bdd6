"""Words findings: of events that differ, of rows that are no event's, and of the seal itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from auditsaas.db.ids import EPOCH
from auditsaas.events.stored import rfc3339
from auditsaas.evidence.checking.finding import (
    OCCURRED_AT,
    FieldDifference,
    Finding,
    FindingKind,
    Side,
    slot_name,
)
from auditsaas.evidence.checking.looking import Look, Tile, millis_of, part_of
from auditsaas.evidence.checking.naming import Above, Leaves, Named
from auditsaas.evidence.format import leaf
from auditsaas.evidence.tree.rows import ABSENT, PRESENT, StoredValues, slot_hashes

REPLACED_IN: Final = frozenset({leaf.ID, leaf.RECEIVED_AT})
"""An event in which both of these differ is another event."""
_USUAL: Final = tuple(PRESENT + json.dumps(word).encode() for word in ("success", "error"))


def of_event(found: Look, each: Named) -> Finding:
    """Word an event that differs, with the fields that do."""
    row = found.taken[each.seq]
    if each.seed:
        words = f"The seed in the seal of event {each.seq:,} was changed"
        return replace(seal(words, found.tile, each.seq), **who(row))
    differences = _differences(found, each, row)
    names = listed([difference.field for difference in differences])
    replaced = each.slots.keys() >= REPLACED_IN or _is_of_another_time(each, row)
    if replaced:
        words = f"Another event stands at number {each.seq:,} than the one that was sealed"
    elif differences:
        words = f"Event {each.seq:,} isn’t what was sealed: {names}"
    else:
        words = f"Event {each.seq:,} isn’t what was sealed"
    return Finding(
        kind=FindingKind.REPLACED if replaced else FindingKind.CHANGED,
        words=f"{words}, and its seal was rewritten to fit" if each.leaf_too else words,
        seq=each.seq,
        fields=tuple(differences),
        unnamed=None if replaced else each.unnamed,
        details={"leaf_too": True} if each.leaf_too else {},
        **who(row),
    )


def _is_of_another_time(each: Named, row: StoredValues) -> bool:
    """Tell by its id, which holds a time, that an event of no named fields is another one."""
    return (
        each.unnamed is not None and each.time is not None and (millis_of(row) != each.time // 1000)
    )


def _differences(found: Look, each: Named, row: StoredValues) -> list[FieldDifference]:
    differences = []
    if each.time is not None:
        differences.append(
            FieldDifference(
                field=OCCURRED_AT,
                slot=None,
                expected=Side(value=_instant(each.time), known=True),
                found=Side(value=_instant(row.occurred_at), known=True),
            )
        )
    for slot, had in sorted(each.slots.items()):
        stands = found.slots[each.seq][slot]
        now = Side(hash=stands.hex(), value=part_of(row.values[slot]), known=True)
        expected = _expected(found, each.seq, slot, had)
        differences.append(
            FieldDifference(
                field=_field(slot, expected, now), slot=slot, expected=expected, found=now
            )
        )
    return differences


def _expected(found: Look, seq: int, slot: int, had: bytes | None) -> Side:
    """Tell what a slot was sealed as: its hash, and the value where one at hand has that hash."""
    if had is None:
        return Side()
    seed = found.seed(seq)
    candidates = {row.values[slot] for row in found.taken.values()}
    for value in (ABSENT, *_USUAL, *sorted(candidates)):
        values = [ABSENT] * leaf.SLOTS
        values[slot] = value
        if slot_hashes(values, seed)[slot] == had:
            return Side(hash=had.hex(), value=part_of(value), known=True)
    return Side(hash=had.hex())


def _field(slot: int, expected: Side, now: Side) -> str:
    """Name the field that differs; all of the slot's, where it is not known which."""
    names = slot_name(slot).split(", ")
    if len(names) == 1 or not (expected.known and now.known):
        return slot_name(slot)
    before, after = expected.value or {}, now.value or {}
    differs = [
        name
        for name in names
        if before.get(name.removeprefix("actor.")) != after.get(name.removeprefix("actor."))
    ]
    return ", ".join(differs) or slot_name(slot)


def refilled(found: Look, seq: int, slot: int) -> Finding:
    """Word an erased field that has a value again."""
    row = found.taken[seq]
    now = Side(value=part_of(row.values[slot]), known=True)
    return Finding(
        kind=FindingKind.CHANGED,
        words=f"Event {seq:,}: {slot_name(slot)} was erased, and has a value again",
        seq=seq,
        fields=(FieldDifference(field=slot_name(slot), slot=slot, expected=Side(), found=now),),
        **who(row),
    )


def of_seal(found: Look, each: Leaves | Above) -> Finding:
    """Word what was rewritten in the seal of a tile."""
    tile = found.tile
    place = f"the numbers {tile.first:,} to {tile.last:,}"
    if isinstance(each, Above):
        return seal(f"The seal’s hash over {place} was rewritten, and none of their events", tile)
    if not each.numbers:
        return seal(f"The seal of {place} was rewritten, and of which cannot be told", tile)
    first, last = each.numbers[0], each.numbers[-1]
    which = f"event {first:,}" if first == last else f"events {first:,} to {last:,}"
    made = seal(f"The seal of {which} was rewritten, and not what it seals", tile, first)
    return replace(made, last_seq=last)


def seal(words: str, tile: Tile, seq: int | None = None) -> Finding:
    """Build a finding of the seal itself, of one number or of a tile."""
    return Finding(
        kind=FindingKind.SEAL,
        words=words,
        seq=seq or tile.first,
        last_seq=seq or tile.last,
        details={"same_as": words},
    )


def inserted(row: StoredValues, end: int | None) -> Finding:
    """Word a row that was never appended; beyond the log where its ``end`` is given."""
    where = (
        f"A row was slipped in at number {row.seq:,}: another event has it, or none was sealed"
        if end is None
        else f"A row has the number {row.seq:,}, and the log goes from 1 to {end:,}"
    )
    return Finding(kind=FindingKind.INSERTED, words=where, seq=row.seq, **who(row))


def who(row: StoredValues) -> dict[str, Any]:
    """Name the event that stands in a row."""
    activity = part_of(row.values[leaf.ACTIVITY])
    return {"event_id": part_of(row.values[leaf.ID]), "activity": activity}


def _instant(micros: int) -> str:
    try:
        return rfc3339(EPOCH + timedelta(microseconds=micros))
    except OverflowError:
        return f"{micros} µs since 1970"


def listed(names: Sequence[str]) -> str:
    """Write fields as the subject of a sentence, with its verb."""
    if len(names) == 1:
        return f"{names[0]} {'differ' if ', ' in names[0] else 'differs'}"
    return f"{', '.join(names[:-1])} and {names[-1]} differ" if names else ""
