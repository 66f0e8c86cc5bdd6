"""Sums of the slot hashes of a tile, by which a check names the fields that were changed.

A leaf tells that its event was changed, and not where: it keeps one hash for sixteen slots. So each
tile also keeps, for each slot, the sum (exclusive or) of its events' hashes. Of a single changed
event it tells which slots differ, and the hashes that they had; eight more sums, of chosen events
and of two bytes a hash, part up to nine changed events, as an erasure code does. They are salted
as the slots are, so they say nothing of values; and they are in no proof, so what they say is
checked against the leaf where that can be done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from auditsaas.evidence.format.leaf import HASH_BYTES, SLOTS

Slots = Sequence[bytes]
"""The sixteen slot hashes of an event."""

_CHOSEN: Final = 8
_WHOLE_BYTES: Final = SLOTS * HASH_BYTES
_SHORT_BYTES: Final = SLOTS * 2
LOCATOR_BYTES: Final = _WHOLE_BYTES + _CHOSEN * _SHORT_BYTES
"""768 of a tile: three bytes an event where it is full."""

# Which of the eight sums an event of a tile goes into. A power modulo 257 permutes the places so
# that sums of neighbours, which are often changed together, seldom depend on each other.
_CODES: Final = tuple(pow(place + 1, 101, 257) - 1 for place in range(256))
_PLACES: Final = {code: place for place, code in enumerate(_CODES)}
_SPREAD: Final = tuple(
    sum(1 << (8 * _SHORT_BYTES * bit) for bit in range(_CHOSEN) if code >> bit & 1)
    for code in _CODES
)
"""A product with one of these writes a short row into each of the event's sums."""


class Sums:
    """The sums of a tile, as they grow. ``kept`` are those so far; None: they are not known."""

    def __init__(self, kept: bytes | None = bytes(LOCATOR_BYTES)) -> None:
        self._known = kept is not None
        self._whole = int.from_bytes((kept or b"")[:_WHOLE_BYTES])
        self._short = int.from_bytes((kept or b"")[_WHOLE_BYTES:])

    def add(self, place: int, slots: Slots) -> None:
        """Add an event at its place in the tile, 0 … 255; the same again takes it out."""
        joined = b"".join(slots)
        self._whole ^= int.from_bytes(joined)
        short = int.from_bytes(joined[::HASH_BYTES] + joined[1::HASH_BYTES])
        self._short ^= short * _SPREAD[place]

    @property
    def kept(self) -> bytes | None:
        """The sums as a tile keeps them, ``LOCATOR_BYTES``; None where they are not known."""
        if not self._known:
            return None
        short = self._short.to_bytes(LOCATOR_BYTES - _WHOLE_BYTES)
        return self._whole.to_bytes(_WHOLE_BYTES) + short

    def less(self, kept: bytes) -> Remainder:
        """Return what remains between these sums and those that a tile keeps."""
        other = Sums(kept)
        return Remainder(self._whole ^ other._whole, self._short ^ other._short)


@dataclass(frozen=True)
class Remainder:
    """The part of a tile's sums that the events, as found, do not explain."""

    whole: int
    short: int

    @property
    def nothing(self) -> bool:
        return not self.whole and not self.short

    @property
    def slots(self) -> frozenset[int]:
        """The slots in which some event differs."""
        differences = self.whole.to_bytes(_WHOLE_BYTES)
        hashes = (differences[at : at + HASH_BYTES] for at in range(0, _WHOLE_BYTES, HASH_BYTES))
        return frozenset(slot for slot, each in enumerate(hashes) if any(each))

    @property
    def place(self) -> int | None:
        """The place of the one event that explains it; None where none does."""
        all_events, *chosen = self._rows()
        if not all_events or any(row not in (0, all_events) for row in chosen):
            return None
        return _PLACES[sum(1 << bit for bit, row in enumerate(chosen) if row)]

    def expected(self, found: Slots | None) -> list[bytes]:
        """Return the slot hashes that one event had, from those it has; None where it is gone."""
        had = int.from_bytes(b"".join(found or [bytes(HASH_BYTES)] * SLOTS)) ^ self.whole
        joined = had.to_bytes(_WHOLE_BYTES)
        return [joined[at : at + HASH_BYTES] for at in range(0, _WHOLE_BYTES, HASH_BYTES)]

    def parted(self, places: Sequence[int]) -> Mapping[int, frozenset[int]] | None:
        """Tell which slots differ in each of these events; None where the sums cannot part them,
        or the events do not explain them."""
        solved = _solved([(_mask(places, bit), row) for bit, row in enumerate(self._rows())])
        if solved is None or len(solved) < len(places):
            return None
        return {place: _slots_in(solved[at]) for at, place in enumerate(places)}

    def _rows(self) -> list[int]:
        """Return the sums by two bytes a slot: of all events, then of the chosen."""
        joined = self.whole.to_bytes(_WHOLE_BYTES)
        rows = [int.from_bytes(joined[::HASH_BYTES] + joined[1::HASH_BYTES])]
        one = (1 << 8 * _SHORT_BYTES) - 1
        return rows + [self.short >> (8 * _SHORT_BYTES * bit) & one for bit in range(_CHOSEN)]


def _mask(places: Iterable[int], row: int) -> int:
    """Build the unknowns of a row's equation: bit n for the n-th of the places."""
    return sum(
        1 << at for at, place in enumerate(places) if row == 0 or _CODES[place] >> (row - 1) & 1
    )


def _solved(equations: Iterable[tuple[int, int]]) -> dict[int, int] | None:
    """Solve linear equations over two elements; None where they contradict each other."""
    pivots: dict[int, tuple[int, int]] = {}
    for mask, value in equations:
        for at, (known_mask, known) in pivots.items():
            if mask >> at & 1:
                mask, value = mask ^ known_mask, value ^ known
        if mask:
            pivot = mask.bit_length() - 1
            for at, (known_mask, known) in pivots.items():
                if known_mask >> pivot & 1:
                    pivots[at] = known_mask ^ mask, known ^ value
            pivots[pivot] = mask, value
        elif value:
            return None
    return {at: value for at, (_, value) in pivots.items()}


def _slots_in(short: int) -> frozenset[int]:
    row = short.to_bytes(_SHORT_BYTES)
    return frozenset(slot for slot in range(SLOTS) if row[slot] or row[SLOTS + slot])
