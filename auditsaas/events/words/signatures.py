"""Signs the words of a block: bits that tell in a kilobyte which pieces cannot be among them.

Each three bytes that follow one another in a word, with line ends before and after it, set one bit.
A piece can only be in a block where the bits of all its three bytes are set. A signature is as long
as its words need: a power of two, of which a quarter to two fifths are set.

Bytes are hashed by tables (tabulation hashing): those of a whole block at once, as long numbers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from hashlib import shake_128
from typing import Final

from sqlalchemy import ColumnElement, Integer, and_, cast, func, literal_column, or_

from auditsaas.events.words.models import event_words
from auditsaas.events.words.pieces import Piece

LEAST_BITS: Final = 64
MOST_BITS: Final = 32_768
"""Four kilobytes, so that a row fits into a page."""
BITS_A_GRAM: Final = 2
GRAM: Final = 3
"""Bytes that are hashed together."""

_END: Final = b"\n\n"
_DRAWN: Final = shake_128(b"words of a block").digest(2 * GRAM * 256)
_TABLES: Final = [_DRAWN[start : start + 256] for start in range(0, len(_DRAWN), 256)]
"""For the low and the high byte of a hash one of each byte of a gram."""


def sign(words: Iterable[bytes]) -> bytes:
    """Build the signature of words."""
    found = _hashed(_END.join([b"", *words, b""]))
    bits = _bits(len(found))
    marks, last = bytearray(b"0") * bits, bits - 1
    for one in found:
        marks[last - (one & last)] = 49  # the digit 1
    return int(marks, 2).to_bytes(bits // 8, "little")


def hashes(asked: Iterable[Piece]) -> list[int]:
    """Hash what has to be in a block that holds these pieces; empty where nothing has."""
    padded = (_END * one.begins + one.text.encode() + _END * one.ends for one in asked)
    return sorted({one & MOST_BITS - 1 for text in padded for one in _hashed(text)})


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


def _bits(grams: int) -> int:
    wanted = 1 << (max(grams * BITS_A_GRAM, 1) - 1).bit_length()
    return min(max(wanted, LEAST_BITS), MOST_BITS)


def _hashed(text: bytes) -> set[int]:
    """Hash each three bytes that follow one another, to 16 bits."""
    number = len(text) - GRAM + 1
    if number < 1:
        return set()
    parts = [text[first : first + number] for first in range(GRAM)]
    hashed = bytearray(2 * number)
    for half in (0, 1):
        mixed = 0
        for part, table in zip(parts, _TABLES[half * GRAM :], strict=False):
            mixed ^= int.from_bytes(part.translate(table), "little")
        hashed[half::2] = mixed.to_bytes(number, "little")
    return set(struct.unpack(f"<{number}H", hashed))
