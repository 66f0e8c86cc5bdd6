"""Judges whether a secret may have been made by chance: patterns, runs and words are refused.

What chance made always passes, as its characters and the steps between them differ; that what
passes was made by chance cannot be told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import log2
from typing import Final

WORDS: Final = (
    "changeme",
    "password",
    "secretkey",
    "insecure",
    "example",
    "auditsaas",
    "qwerty",
    "asdfgh",
)
"""Words of examples, however they are written, that no secret of one's own holds."""


def weakness(secret: str, bits: int) -> str | None:
    """Say what makes a secret easy to guess; None where it has at least ``bits`` by its look."""
    plain = "".join(filter(str.isalnum, secret.lower()))
    word = next((word for word in WORDS if word in plain), None)
    if word is not None:
        return f"holds the word {word}"
    if _bits(secret) < bits:
        return "repeats a few characters"
    if _repeats(secret):
        return "repeats a pattern"
    steps = [ord(second) - ord(first) for first, second in pairwise(secret)]
    return "counts up or down" if _bits(steps) < bits else None


def _repeats(text: str) -> bool:
    """Tell whether the text is one part, at most half of it, again and again."""
    return any(
        all(text[at] == text[at - length] for at in range(length, len(text)))
        for length in range(1, len(text) // 2 + 1)
    )


def _bits(symbols: Sequence[object]) -> float:
    """Estimate by Shannon's entropy how many bits of chance a sequence holds at most."""
    counted = Counter(symbols).values()
    return sum(-number * log2(number / len(symbols)) for number in counted)
