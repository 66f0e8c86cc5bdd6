"""Names what differs in one tile: which fields of which events, or what of the seal.

A hypothesis is told where it folds to what was sealed: slot hashes that come back from the tile's
locators have to fold to the leaf, and leaves to the hash above them, or to the signed root.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from auditsaas.evidence.checking.ground import Ground
from auditsaas.evidence.checking.looking import Look, millis_of
from auditsaas.evidence.format import leaf
from auditsaas.evidence.format.leaf import SLOTS, leaf_hash
from auditsaas.evidence.format.locators import Remainder

NOTHING_LOCATES: Final = (
    "what names a changed field was lost when retention removed events beside it"
)
TOO_MANY: Final = "more events beside it were changed than can be told apart"
BY_ID_MICROS: Final = 1000
"""An id holds the milliseconds of its event's time; so many microseconds are tried."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """One event that differs, as far as it can be told what was sealed of it."""

    seq: int
    slots: Mapping[int, bytes | None] = field(default_factory=dict)
    """The slots that differ, with the hash that each had where that is known."""
    time: int | None = None
    """When it happened by the seal, in µs, where that differs."""
    unnamed: str | None = None
    leaf_too: bool = False
    """Whether the seal's own leaf of it was rewritten as well."""
    seed: bool = False
    """Whether it is its seed that differs, and not the event."""


@dataclass(frozen=True)
class Above:
    """The hash that the level above keeps of the tile was rewritten, and its leaves were not."""


@dataclass(frozen=True)
class Leaves:
    """Leaves that were rewritten, of events that are as they were sealed; none: of the tile."""

    numbers: Sequence[int]


def named(look: Look, ground: Ground) -> Iterator[Named | Leaves | Above]:
    """Name what differs in a tile whose rows were paired already; missing rows are not named."""
    remainder = look.remainder
    if _leaves_are_signed(look, ground):
        if not look.leaves_fit:
            ground.mend(look.tile.n, look.tile.leaves)
            yield Above()
        if look.changed:
            yield from _changed(look, remainder)
        return
    rewritten = _rewritten(look, ground, remainder)
    if rewritten is None:
        yield from _changed(look, remainder) if look.changed else ()
        yield Leaves(())
    else:
        yield from rewritten


def expected_slots(look: Look, seq: int, remainder: Remainder | None) -> list[bytes] | None:
    """Return the slot hashes that the only event that differs had, where they fold to its leaf."""
    if remainder is None:
        return None
    slots = remainder.expected(look.slots.get(seq))
    return slots if leaf.fields_hash(slots) == leaf.read_preimage(look.kept(seq))[1] else None


def _leaves_are_signed(look: Look, ground: Ground) -> bool:
    if look.tile.above is not None and look.leaves_fit and ground.is_signed:
        return True
    return ground.fits(look.tile.n, look.tile.leaves)


def _changed(look: Look, remainder: Remainder | None) -> Iterator[Named]:
    """Name the fields of events that do not fit leaves which are as they were signed."""
    wrong = sorted({*look.changed, *look.missing})
    exact = expected_slots(look, wrong[0], remainder) if len(wrong) == 1 else None
    if exact is not None:
        yield _against(look, wrong[0], exact)
        return
    places = [seq - look.tile.first for seq in wrong]
    parted = remainder.parted(places) if remainder is not None else None
    for seq in look.changed:
        slots = parted[seq - look.tile.first] if parted else _common(look, remainder)
        yield _by_slots(look, seq, slots, parted, remainder)


def _against(look: Look, seq: int, expected: Sequence[bytes], leaf_too: bool = False) -> Named:
    """Compare an event with all the hashes that its slots had."""
    found = look.slots[seq]
    slots = {slot: expected[slot] for slot in range(SLOTS) if expected[slot] != found[slot]}
    seed = len(slots) == SLOTS
    return Named(
        seq=seq, slots={} if seed else slots, time=_time(look, seq), leaf_too=leaf_too, seed=seed
    )


def _by_slots(
    look: Look,
    seq: int,
    slots: frozenset[int] | None,
    parted: Mapping[int, frozenset[int]] | None,
    remainder: Remainder | None,
) -> Named:
    time = _time(look, seq)
    if slots is None or remainder is None:
        told = NOTHING_LOCATES if remainder is None else TOO_MANY
        return Named(seq=seq, time=time, unnamed=told)
    found = look.slots[seq]
    alone = {
        slot: parted is not None and sum(slot in each for each in parted.values()) == 1
        for slot in slots
    }
    had = remainder.expected(found)
    hashes = {slot: had[slot] if alone[slot] else None for slot in sorted(slots)}
    known = [hashes[slot] if slot in hashes else found[slot] for slot in range(SLOTS)]
    kept = leaf.read_preimage(look.kept(seq))[1]
    if None not in known and leaf.fields_hash([each or b"" for each in known]) != kept:
        return Named(seq=seq, time=time, unnamed=TOO_MANY)
    return Named(seq=seq, slots=hashes, time=time)


def _common(look: Look, remainder: Remainder | None) -> frozenset[int] | None:
    """Return the one slot in which all events of the tile differ that do; None for several."""
    if remainder is None or look.missing or len(remainder.slots) != 1:
        return None
    return remainder.slots


def _time(look: Look, seq: int) -> int | None:
    sealed = leaf.read_preimage(look.kept(seq))[0]
    return None if look.taken[seq].occurred_at == sealed else sealed


def _rewritten(
    look: Look, ground: Ground, remainder: Remainder | None
) -> list[Named | Leaves] | None:
    """Find what the leaves of a tile were before they were rewritten; None where that is lost."""
    for tried in (_leaves_alone, _event_and_leaf, _time_and_leaf):
        found = tried(look, ground, remainder)
        if found is not None:
            return found
    return None


def _fits(look: Look, ground: Ground, leaves: Mapping[int, bytes]) -> bool:
    """Tell whether the tile is the one that was signed, with some of its leaves replaced."""
    hashes = list(look.tile.leaves)
    for seq, kept in leaves.items():
        hashes[seq - look.tile.first] = leaf_hash(seq, kept)
    if not ground.fits(look.tile.n, hashes):
        return False
    ground.mend(look.tile.n, hashes)
    return True


def _leaves_alone(look: Look, ground: Ground, _: Remainder | None) -> list[Named | Leaves] | None:
    """Try: leaves were rewritten, and their events are as they were sealed."""
    leaves = {
        seq: leaf.preimage(look.taken[seq].occurred_at, leaf.fields_hash(look.slots[seq]))
        for seq in look.changed
        if seq in look.slots
    }
    if not leaves or not _fits(look, ground, leaves):
        return None
    return [Leaves(sorted(leaves))]


def _event_and_leaf(
    look: Look, ground: Ground, remainder: Remainder | None
) -> list[Named | Leaves] | None:
    """Try: one event was changed, and its leaf was rewritten to fit."""
    if remainder is None or remainder.place is None:
        return None
    seq = look.tile.first + remainder.place
    if seq not in look.slots:
        return None
    expected = remainder.expected(look.slots[seq])
    fields = leaf.fields_hash(expected)
    for time in _times(look, seq):
        if _fits(look, ground, {seq: leaf.preimage(time, fields)}):
            slots = _against(look, seq, expected, leaf_too=True).slots
            differs = time if time != look.taken[seq].occurred_at else None
            return [Named(seq=seq, slots=slots, time=differs, leaf_too=True)]
    return None


def _time_and_leaf(
    look: Look, ground: Ground, remainder: Remainder | None
) -> list[Named | Leaves] | None:
    """Try: the time of one event was changed, and its leaf was rewritten to fit."""
    if remainder is None or not remainder.nothing:
        return None
    for seq, row in look.taken.items():
        fields = leaf.read_preimage(look.kept(seq))[1]
        if row.occurred_at // 1000 == millis_of(look.taken[seq]):
            continue
        for time in _times(look, seq):
            if _fits(look, ground, {seq: leaf.preimage(time, fields)}):
                return [Named(seq=seq, time=time, leaf_too=True)]
    return None


def _times(look: Look, seq: int) -> Iterator[int]:
    """Yield the times that an event may have had: the row's, the leaf's, those of its id."""
    yield look.taken[seq].occurred_at
    yield leaf.read_preimage(look.kept(seq))[0]
    millis = millis_of(look.taken[seq])
    yield from range(millis * 1000, millis * 1000 + BY_ID_MICROS)
