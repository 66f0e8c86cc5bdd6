"""Signs the words of a block: bits that tell in a kilobyte which pieces cannot be among them.

Each three bytes that follow one another in a word, with line ends before and after it, set one bit.
A piece can only be in a block where the bits of all its three bytes are set. A signature is as long
as its words need: a power of two, of which a quarter to two fifths are set.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from sqlalchemy import ColumnElement, Integer, and_, cast, func, literal_column, or_

from auditsaas.events.words.models import event_words
from auditsaas.events.words.pieces import Piece

LEAST_BITS: Final = 64
MOST_BITS: Final = 32_768
"""Four kilobytes, so that a row fits into a page."""
BITS_A_GRAM: Final = 2

_END: Final = "\n\n"
_GRAM: Final = 0xFFFFFF
_SPREAD: Final = 0x9E3779B97F4A7C15
"""The golden ratio in 64 bits, which spreads neighbours (Fibonacci hashing)."""


def sign(words: Iterable[str]) -> bytes:
    """Build the signature of words."""
    grams = _grams(f"{_END}{_END.join(words)}{_END}".encode())
    bits = _bits(len(grams))
    marks, last = bytearray(b"0") * bits, bits - 1
    for gram in grams:
        marks[last - (_hash(gram) & last)] = 49
    return int(marks, 2).to_bytes(bits // 8, "little")


def hashes(asked: Iterable[Piece]) -> list[int]:
    """Hash what has to be in a block that holds these pieces; empty where nothing has."""
    padded = (f"{_END * one.begins}{one.text}{_END * one.ends}".encode() for one in asked)
    return sorted({_hash(gram) for text in padded for gram in _grams(text)})


def may_hold(found: Iterable[int]) -> ColumnElement[bool]:
    """Build the condition that a block's signature has these bits, or is to be made anew."""
    signature = event_words.c.signature
    bits = 8 * func.octet_length(signature)
    # Literals, for the number of them changes the statement anyway.
    conditions = (
        func.get_bit(signature, cast(literal_column(str(one)), Integer) % bits) == 1
        for one in found
    )
    return or_(signature.is_(None), and_(*conditions))


def _hash(gram: int) -> int:
    return gram * _SPREAD >> 40 & 0x7FFF


def _bits(grams: int) -> int:
    wanted = 1 << (max(grams * BITS_A_GRAM, 1) - 1).bit_length()
    return min(max(wanted, LEAST_BITS), MOST_BITS)


def _grams(text: bytes) -> set[int]:
    """Collect each three bytes that follow one another, as numbers."""
    if len(text) < 3:
        return set()
    fours, ended = set[int](), text + b"\0"
    for first in range(min(4, len(text) - 2)):
        fours.update(struct.unpack_from(f"<{(len(ended) - first) // 4}I", ended, first))
    return {four & _GRAM for four in fours}
