"""Keeps the values of a column as bit slices: one integer for each bit of the values' numbers.

Bit ``place`` of slice ``bit`` is that bit of the number at that place, so one AND compares all the
places at once. A mask is such an integer too: each bit that is set is a place. The method is
that of bit-sliced indexes (O'Neil and Quass, "Improved Query Performance with Variant Indexes",
SIGMOD 1997).
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import compress
from typing import Final

Slices = Sequence[int]

_BITS: Final = tuple(bytes(48 + (byte >> bit & 1) for byte in range(256)) for bit in range(8))
"""Tables that translate a byte into the digit of one of its bits."""
_DIGITS: Final = bytes(byte & 1 for byte in range(256))
NARROW: Final = 8
"""Slices of which each number's places are found one number after the other."""


def sliced(numbers: Sequence[int], distinct: int) -> list[int]:
    """Make the slices of numbers below ``distinct``, at most 65,536; the lowest bit first."""
    wide = array("H", reversed(numbers))
    halves = (wide.tobytes()[0::2], wide.tobytes()[1::2])
    if wide.itemsize != 2 or array("H", [1]).tobytes() != b"\x01\x00":
        raise RuntimeError("16-bit numbers are expected with their lower byte first")
    width = max(distinct - 1, 0).bit_length() if numbers else 0
    return [int(halves[bit >> 3].translate(_BITS[bit & 7]), 2) for bit in range(width)]


def packed(slices: Slices, places: int) -> bytes:
    """Write slices one after the other, each in as few bytes as ``places`` need."""
    return b"".join(one.to_bytes((places + 7) // 8, "little") for one in slices)


def unpacked(data: bytes, places: int) -> list[int]:
    """Read what ``packed`` wrote."""
    width = (places + 7) // 8
    starts = range(0, len(data), width) if width else ()
    return [int.from_bytes(data[start : start + width], "little") for start in starts]


def among(slices: Slices, numbers: Collection[int], distinct: int, within: int) -> int:
    """Return the mask of the places whose number is one of these."""
    wanted = 0
    for number in numbers:
        wanted |= 1 << number
    # Numbers that no place has count as wanted, so that whole branches are recognised as such.
    wanted |= (1 << (1 << len(slices))) - (1 << distinct) if numbers else 0
    return _among(slices, len(slices), wanted, within)


def _among(slices: Slices, bit: int, wanted: int, within: int) -> int:
    if not within or not wanted:
        return 0
    if wanted == (1 << (1 << bit)) - 1:
        return within
    half = 1 << (bit - 1)
    ones = within & slices[bit - 1]
    lower = _among(slices, bit - 1, wanted & ((1 << half) - 1), within ^ ones)
    return lower | _among(slices, bit - 1, wanted >> half, ones)


def below(slices: Slices, number: int, within: int) -> int:
    """Return the mask of the places whose number is smaller."""
    if number >> len(slices):
        return within
    found = 0
    for bit in range(len(slices) - 1, -1, -1):
        ones = within & slices[bit]
        if number >> bit & 1:
            found |= within ^ ones
            within = ones
        else:
            within ^= ones
    return found


def masks(slices: Slices, within: int) -> Iterator[tuple[int, int]]:
    """Yield each number that there is within a mask, with the mask of its places."""
    waiting = [(len(slices), 0, within)] if within else []
    while waiting:
        bit, number, found = waiting.pop()
        if not bit:
            yield number, found
            continue
        bit -= 1
        ones = found & slices[bit]
        if found != ones:
            waiting.append((bit, number, found ^ ones))
        if ones:
            waiting.append((bit, number | 1 << bit, ones))


@lru_cache(maxsize=64)
def full(places: int) -> int:
    """Return the mask of all places."""
    return (1 << places) - 1


def span(first: int, after: int) -> int:
    """Return the mask of the places from ``first`` to before ``after``."""
    return ((1 << (after - first)) - 1) << first if after > first else 0


def counted(slices: Slices, within: int, places: int) -> Iterator[tuple[int, int]]:
    """Yield each number that there is within a mask, and at how many of its places."""
    if len(slices) <= NARROW:
        yield from ((number, found.bit_count()) for number, found in masks(slices, within))
    elif within:
        yield from Counter(compress(numbers(slices, places), _digits(within, places))).items()


def numbers(slices: Slices, places: int) -> array[int]:
    """Return the number of every place."""
    halves = []
    for first in (0, 8):
        # One byte for each place, in which the bits of its number are added up.
        added = 0
        for bit, one in enumerate(slices[first : first + 8]):
            added += int.from_bytes(_digits(one, places), "little") << bit
        halves.append(added.to_bytes(places, "little"))
    found = bytearray(2 * places)
    found[0::2], found[1::2] = halves
    return array("H", bytes(found))


def _digits(mask: int, places: int) -> bytes:
    """Return a byte of 0 or 1 for each place."""
    return f"{mask:0{places}b}".encode().translate(_DIGITS)[::-1]


def highest(slices: Slices, within: int) -> int:
    """Return the highest number that there is within a mask, which is not empty."""
    number = 0
    for bit in range(len(slices) - 1, -1, -1):
        if ones := within & slices[bit]:
            within, number = ones, number | 1 << bit
    return number


def lowest(slices: Slices, within: int) -> int:
    """Return the lowest number that there is within a mask, which is not empty."""
    number = 0
    for bit in range(len(slices) - 1, -1, -1):
        if zeros := within & ~slices[bit]:
            within = zeros
        else:
            number |= 1 << bit
    return number
