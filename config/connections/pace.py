"""Floors of how fast bytes come or go, so that nothing is occupied for ever."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Floor:
    """The slowest that is waited for: a grace, a second more for so many bytes, and an end."""

    grace_seconds: float
    bytes_a_second: int
    longest_seconds: float


HEAD: Final = Floor(5, 1_000_000_000, 5)
"""Request line and headers, whole."""

BODY: Final = Floor(5, 1_000, 120)
"""The body of a form or of a call of the API."""

FILE_IN: Final = Floor(10, 16_000, 3_600)
FILE_OUT: Final = Floor(20, 16_000, 7_200)
ANSWER: Final = Floor(20, 1_000, 300)
FAREWELL: Final = Floor(2, 1_000_000, 10)
"""What still comes after an answer that did not wait for it."""


class Pace:
    """Counts what has passed since it began, and tells how long the next bytes may take."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._began = time.monotonic()
        self._passed = 0

    def note(self, count: int) -> None:
        """Note that so many bytes have passed."""
        self._passed += count

    def seconds_left(self) -> float:
        """Return how long is still waited; nothing is left of it at 0 and below."""
        earned = self._floor.grace_seconds + self._passed / self._floor.bytes_a_second
        return self._began + min(earned, self._floor.longest_seconds) - time.monotonic()
