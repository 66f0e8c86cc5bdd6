"""Places that callers take for a while, and of which none takes all."""

from __future__ import annotations

import threading
from collections import Counter
from enum import Enum


class Taken(Enum):
    """Whether a caller got a place."""

    YES = "yes"
    OWN_FULL = "own"
    """The caller has as many as one may have."""
    ALL_FULL = "all"


class Places:
    """The places of this process for one thing."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, caller: str) -> Taken:
        """Take a place for a caller, or say at once why there is none."""
        with self._lock:
            if self._taken[caller] >= self._most_of_one:
                return Taken.OWN_FULL
            if self._taken.total() >= self._most:
                return Taken.ALL_FULL
            self._taken[caller] += 1
            return Taken.YES

    def give_back(self, caller: str) -> None:
        with self._lock:
            self._taken[caller] -= 1
            if self._taken[caller] <= 0:
                del self._taken[caller]
