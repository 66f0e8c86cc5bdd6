"""Writes ascending numbers so that they are read at once, and finds places among them."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

MOST_DECIMALS: Final = 3
"""Response times are mostly given to a thousandth of a millisecond at most."""
_WIDTHS: Final = (("B", 1 << 8), ("H", 1 << 16), ("I", 1 << 32))
_AS_THEY_ARE: Final = b"d"
_LARGEST: Final = float(1 << 40)


def packed(ascending: Sequence[int]) -> bytes:
    """Write whole numbers that ascend, none below 0, in the width of the largest."""
    code = _code(ascending[-1]) if ascending else "B"
    return code.encode() + array(code, ascending).tobytes()


def unpacked(data: bytes) -> Sequence[int]:
    """Read what ``packed`` wrote."""
    return array(data[:1].decode(), data[1:]) if data else ()


class Ordered(Protocol):
    """Different numbers in ascending order."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[float]: ...
    def __getitem__(self, place: int, /) -> float: ...
    def below(self, number: float) -> int:
        """Return how many are smaller than a number."""

    def up_to(self, number: float) -> int:
        """Return how many are no larger than a number."""


@dataclass(frozen=True)
class Decimals:
    """Numbers of few decimals, kept as whole ones."""

    whole: Sequence[int]
    scale: int

    def __len__(self) -> int:
        return len(self.whole)

    def __iter__(self) -> Iterator[float]:
        return (one / self.scale for one in self.whole)

    def __getitem__(self, place: int, /) -> float:
        return self.whole[place] / self.scale

    def below(self, number: float) -> int:
        place = bisect_left(self.whole, number * self.scale)
        # The product is rounded, so its neighbours are looked at as they are.
        while place and self[place - 1] >= number:
            place -= 1
        while place < len(self.whole) and self[place] < number:
            place += 1
        return place

    def up_to(self, number: float) -> int:
        place = self.below(number)
        return place + (place < len(self.whole) and self[place] == number)


@dataclass(frozen=True)
class Floats:
    """Numbers kept as they are."""

    numbers: Sequence[float]

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[float]:
        return iter(self.numbers)

    def __getitem__(self, place: int, /) -> float:
        return self.numbers[place]

    def below(self, number: float) -> int:
        return bisect_left(self.numbers, number)

    def up_to(self, number: float) -> int:
        return bisect_right(self.numbers, number)


def packed_floats(ascending: Ordered) -> bytes:
    """Write numbers exactly: as whole ones where decimals are few, else as they are."""
    if not isinstance(ascending, Decimals):
        return _AS_THEY_ARE + array("d", ascending).tobytes()
    return bytes([len(str(ascending.scale)) - 1]) + packed(ascending.whole)


def unpacked_floats(data: bytes) -> Ordered:
    """Read what ``packed_floats`` wrote."""
    if data[:1] == _AS_THEY_ARE:
        return Floats(array("d", data[1:]))
    return Decimals(unpacked(data[1:]), 10 ** data[0])


def ordered(ascending: Sequence[float]) -> Ordered:
    """Keep different numbers, by their decimals where these are few."""
    if all(0 <= number < _LARGEST for number in ascending):
        for places in range(MOST_DECIMALS + 1):
            scale = 10**places
            whole = [round(number * scale) for number in ascending]
            if all(known / scale == one for known, one in zip(whole, ascending, strict=True)):
                return Decimals(whole, scale)
    return Floats(ascending)


def _code(most: int) -> str:
    return next((code for code, limit in _WIDTHS if most < limit), "q")
