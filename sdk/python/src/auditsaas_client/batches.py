"""What passes between the threads, and what a flush waits for."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Callable

MAX_EVENTS = 500
MAX_BYTES = 1_000_000
"""Of a batch before compression: well below what the server and the usual proxies take."""
LINGER_SECONDS = 1.0
"""How long an event waits for others to travel with."""


@dataclass
class Batch:
    """Events in memory, on their way to the server."""

    epoch: int
    lines: list[bytes] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)


class Progress:
    """Counts what is in memory by epoch: the time between two flushes."""

    def __init__(self) -> None:
        self.epoch = 0
        self._changed = threading.Condition()
        self._in_memory: Counter[int] = Counter()

    def begin(self, epoch: int) -> None:
        with self._changed:
            self._in_memory[epoch] += 1

    def end(self, epoch: int) -> None:
        with self._changed:
            self._in_memory[epoch] -= 1
            self._in_memory += Counter()  # forgets the epochs that are at zero
            self._changed.notify_all()

    def changed(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def end_epoch(self) -> int:
        """End the epoch and return its number."""
        with self._changed:
            self.epoch += 1
            return self.epoch - 1

    def is_past(self, epoch: int) -> bool:
        """Whether nothing up to the epoch is in memory."""
        with self._changed:
            return not any(e <= epoch for e in self._in_memory)

    def wait(self, until: Callable[[], bool], seconds: float | None) -> bool:
        """Whether ``until`` came true in time; asked at each change."""
        with self._changed:
            return self._changed.wait_for(until, seconds)
