"""Finds order statistics of response times that lie in several blocks, without merging them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import floor
from typing import Final

from auditsaas.events.columns import bit_slices
from auditsaas.events.columns.block import Durations

FEW: Final = 512
"""Candidates that are counted one by one."""


@dataclass(frozen=True)
class Timed:
    """The response times of a block, and the mask of those that count, which all have one."""

    durations: Durations
    within: int

    def up_to(self, value: float) -> int:
        """Return the mask of those that are no longer than a value."""
        return self.durations.below(self.durations.values.up_to(value) + 1, self.within)

    def between(self, low: int, high: int) -> Iterator[tuple[float, int]]:
        """Yield the values at places from ``low`` to before ``high``, and how often each is."""
        durations = self.durations
        within = durations.below(high + 1, self.within)
        within ^= durations.below(low + 1, within)
        for number, found in bit_slices.masks(durations.slices, within):
            yield durations.values[number - 1], found.bit_count()

    @property
    def shortest(self) -> float:
        return self.durations.values[bit_slices.lowest(self.durations.slices, self.within) - 1]

    @property
    def longest(self) -> float:
        return self.durations.values[bit_slices.highest(self.durations.slices, self.within) - 1]


def percentile(parts: Sequence[Timed], share: float, total: int) -> float:
    """Return a percentile as PostgreSQL's ``percentile_cont`` does: between the two nearest."""
    place = share * (total - 1)
    lower = floor(place)
    value, above = _neighbours(parts, lower)
    return value if place == lower else value + (place - lower) * (above - value)


def _neighbours(parts: Sequence[Timed], place: int) -> tuple[float, float]:
    """Return the values at a place of all in ascending order, counted from 0, and at the next.

    Both lie in the ranges of candidates that are left of each block; ``passed`` are below these.
    """
    lows, highs = [0] * len(parts), [len(part.durations.values) for part in parts]
    passed = 0
    while sum(highs) - sum(lows) > FEW:
        pivot = _middle(parts, lows, highs)
        masks = [part.up_to(pivot) for part in parts]
        ends = [part.durations.values.up_to(pivot) for part in parts]
        up_to = sum(mask.bit_count() for mask in masks)
        if up_to == place + 1:
            return _around(parts, masks)
        if up_to <= place:
            passed, lows = up_to, [max(pair) for pair in zip(lows, ends, strict=True)]
            highs = [max(pair) for pair in zip(lows, highs, strict=True)]
        else:
            lower = [min(pair) for pair in zip(highs, ends, strict=True)]
            if lower == highs:
                break
            highs = [max(pair) for pair in zip(lows, lower, strict=True)]
    return _of_few(parts, lows, highs, place - passed)


def _middle(parts: Sequence[Timed], lows: Sequence[int], highs: Sequence[int]) -> float:
    """Return the median of the middles of what is left of each block, by how much that is."""
    middles = sorted(
        (part.durations.values[(low + high) // 2], high - low)
        for part, low, high in zip(parts, lows, highs, strict=True)
        if low < high
    )
    widths = list(accumulate(width for _, width in middles))
    return middles[bisect_left(widths, widths[-1] / 2)][0]


def _around(parts: Sequence[Timed], masks: Sequence[int]) -> tuple[float, float]:
    """Return the longest of those within the masks, and the shortest of all others."""
    below = [Timed(part.durations, mask) for part, mask in zip(parts, masks, strict=True) if mask]
    rest = [(part, part.within ^ mask) for part, mask in zip(parts, masks, strict=True)]
    above = [Timed(part.durations, mask).shortest for part, mask in rest if mask]
    longest = max(part.longest for part in below)
    return longest, min(above, default=longest)


def _of_few(
    parts: Sequence[Timed], lows: Sequence[int], highs: Sequence[int], place: int
) -> tuple[float, float]:
    """Return the values at a place, and at the next, of the candidates that are left."""
    counted: Counter[float] = Counter()
    for part, low, high in zip(parts, lows, highs, strict=True):
        for value, n in part.between(low, high):
            counted[value] += n
    values = sorted(counted)
    ends = list(accumulate(counted[value] for value in values))
    nearest = [bisect_left(ends, at + 1) for at in (place, min(place + 1, ends[-1] - 1))]
    return values[nearest[0]], values[nearest[1]]
