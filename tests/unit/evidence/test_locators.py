"""Sums of slot hashes name what was changed in a tile, and never name what was not."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from auditsaas.evidence.format.leaf import SLOTS
from auditsaas.evidence.format.locators import LOCATOR_BYTES, Remainder, Sums

Tile = list[list[bytes]]


def tile_of(width: int, chance: random.Random) -> Tile:
    return [[chance.randbytes(32) for _ in range(SLOTS)] for _ in range(width)]


def kept_of(tile: Tile) -> bytes:
    sums = Sums()
    for place, slots in enumerate(tile):
        sums.add(place, slots)
    assert sums.kept is not None
    return sums.kept


def remainder(tile: Tile, found: dict[int, list[bytes] | None]) -> Remainder:
    """Return what remains when these events are found otherwise; None: their rows are gone."""
    sums = Sums()
    for place, slots in enumerate(tile):
        there = found.get(place, slots)
        if there is not None:
            sums.add(place, there)
    return sums.less(kept_of(tile))


def changed(tile: Tile, place: int, slots: set[int], chance: random.Random) -> list[bytes]:
    return [chance.randbytes(32) if at in slots else each for at, each in enumerate(tile[place])]


def test_untouched_tile_leaves_nothing() -> None:
    tile = tile_of(256, random.Random(1))
    assert len(kept_of(tile)) == LOCATOR_BYTES == 768
    assert remainder(tile, {}).nothing


def test_sums_grow_from_what_was_kept() -> None:
    tile = tile_of(7, random.Random(2))
    sums = Sums(kept_of(tile[:4]))
    for place in (4, 5, 6):
        sums.add(place, tile[place])
    assert sums.kept == kept_of(tile)


def test_unknown_sums_stay_unknown() -> None:
    sums = Sums(None)
    sums.add(0, tile_of(1, random.Random(3))[0])
    assert sums.kept is None


@pytest.mark.parametrize("slots", [{0}, {13}, {2, 5, 11}, set(range(SLOTS))])
def test_one_changed_event_is_named_with_the_hashes_it_had(slots: set[int]) -> None:
    chance = random.Random(4)
    tile = tile_of(256, chance)
    for place in (0, 1, 77, 255):
        found = changed(tile, place, slots, chance)
        left = remainder(tile, {place: found})
        assert left.slots == slots
        assert left.place == place
        assert left.expected(found) == tile[place]


def test_hashes_of_a_removed_event_come_back() -> None:
    tile = tile_of(100, random.Random(5))
    left = remainder(tile, {42: None})
    assert left.place == 42
    assert left.expected(None) == tile[42]


def test_any_three_changed_events_are_parted() -> None:
    chance = random.Random(6)
    tile = tile_of(256, chance)
    for _ in range(50):
        slots = {at: frozenset({chance.randrange(16)}) for at in chance.sample(range(256), 3)}
        found = {place: changed(tile, place, {*each}, chance) for place, each in slots.items()}
        assert remainder(tile, {**found}).parted(list(slots)) == slots


def test_neighbours_are_parted_as_far_as_nine() -> None:
    chance = random.Random(7)
    tile = tile_of(256, chance)
    parted = [len(tried) for tried in _runs(tile, chance)]
    assert parted[0] > 0.99 * 253  # of four in a row
    assert parted[1] > 0.6 * 249  # of eight


def _runs(tile: Tile, chance: random.Random) -> list[list[int]]:
    tried: list[list[int]] = []
    for length in (4, 8):
        good = []
        for first in range(257 - length):
            slots = {at: frozenset({5, first % 5}) for at in range(first, first + length)}
            left = remainder(tile, {p: changed(tile, p, {*s}, chance) for p, s in slots.items()})
            named = left.parted(list(slots))
            assert named in (None, slots)
            good += [first] if named else []
        tried.append(good)
    return tried


def test_events_that_explain_nothing_are_not_named() -> None:
    chance = random.Random(8)
    tile = tile_of(256, chance)
    left = remainder(tile, {9: changed(tile, 9, {1}, chance)})
    for pair in combinations((3, 8, 200), 2):
        assert left.parted(pair) is None
    two = remainder(tile, {p: changed(tile, p, {p}, chance) for p in (9, 10)})
    assert two.place is None


def test_too_many_changed_events_still_tell_the_slots() -> None:
    chance = random.Random(9)
    tile = tile_of(256, chance)
    left = remainder(tile, {p: changed(tile, p, {6}, chance) for p in range(200)})
    assert left.parted(range(200)) is None
    assert left.slots == {6}
