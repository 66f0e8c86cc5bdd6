"""Finds order statistics of response times that lie in several blocks, without merging them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

from auditsaas.events.columns import bit_slices
from auditsaas.events.columns.block import Durations


@dataclass(frozen=True)
class Timed:
    """The response times of a block, and the mask of those that count, which all have one."""

    durations: Durations
    within: int

    def up_to(self, value: float) -> int:
        """Count those that are no longer than a value."""
        number = self.durations.values.up_to(value) + 1
        return self.durations.below(number, self.within).bit_count()

    @property
    def longest(self) -> float:
        return self.durations.values[bit_slices.highest(self.durations.slices, self.within) - 1]


def percentile(parts: Sequence[Timed], share: float, total: int) -> float:
    """Return a percentile as PostgreSQL's ``percentile_cont`` does: between the two nearest."""
    place = share * (total - 1)
    lower = floor(place)
    value = _statistic(parts, lower)
    if place == lower:
        return value
    above = value if _up_to(parts, value) > lower + 1 else _statistic(parts, lower + 1)
    return value + (place - lower) * (above - value)


def _up_to(parts: Sequence[Timed], value: float) -> int:
    return sum(part.up_to(value) for part in parts)


def _statistic(parts: Sequence[Timed], place: int) -> float:
    """Return the value at a place of all in ascending order, counted from 0."""
    lows, highs = [0] * len(parts), [len(part.durations.values) for part in parts]
    found = 0.0
    while pivot := _pivot(parts, lows, highs):
        if _up_to(parts, pivot[0]) > place:
            found = pivot[0]
            ends = [part.durations.values.below(found) for part in parts]
            highs = [
                max(low, min(high, end)) for low, high, end in zip(lows, highs, ends, strict=True)
            ]
        else:
            ends = [part.durations.values.up_to(pivot[0]) for part in parts]
            lows = [
                min(high, max(low, end)) for low, high, end in zip(lows, highs, ends, strict=True)
            ]
    return found


def _pivot(
    parts: Sequence[Timed], lows: Sequence[int], highs: Sequence[int]
) -> tuple[float] | None:
    """Return the median of the middles of what is left of each block; None if nothing is."""
    middles = sorted(
        (part.durations.values[(low + high) // 2], high - low)
        for part, low, high in zip(parts, lows, highs, strict=True)
        if low < high
    )
    half = sum(width for _, width in middles) / 2
    for value, width in middles:
        half -= width
        if half <= 0:
            return (value,)
    return None
