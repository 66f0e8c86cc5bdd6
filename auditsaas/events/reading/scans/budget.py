"""Budgets: how long a read in steps may take, and how many events its next step may look at."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

FIRST_STEP = 5_000
LONGEST_STEP = 400_000
STEP_SECONDS = 0.15
BUDGET_SECONDS = 0.5


@dataclass
class Budget:
    """Time that a read may take, and the size of its next step in events."""

    seconds: float = BUDGET_SECONDS
    step: int = FIRST_STEP
    started: float = field(default_factory=time.monotonic)

    @property
    def spent(self) -> bool:
        return time.monotonic() - self.started > self.seconds

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Run one step, and size the next one by how long it took."""
        started = time.monotonic()
        yield
        seconds = max(time.monotonic() - started, 0.001)
        self.step = int(min(LONGEST_STEP, max(FIRST_STEP, self.step * STEP_SECONDS / seconds)))
