"""How many cases Hypothesis tries: few in ``make test``, many in ``make test-long``."""

from __future__ import annotations

from hypothesis import settings

FEW = 20
MANY = 500


def cases(number: int) -> int:
    """Return how many cases a test tries in this run, of which ``make test`` tries ``number``."""
    return number * settings().max_examples // FEW
