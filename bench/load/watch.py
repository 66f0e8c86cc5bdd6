"""Memory of each part over the time of the load."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from statistics import mean

from bench.tables import Table

EVERY_SECONDS = 5
WARM_UP = 0.2
"""The share of the time in which caches fill and modules load, which is not growth."""

FLAT_PERCENT = 5


class Watch(threading.Thread):
    def __init__(self, read: Callable[[], dict[str, float]], over: threading.Event) -> None:
        super().__init__(daemon=True, name="watch")
        self._read = read
        self._over = over
        self._began = time.monotonic()
        self.samples: list[tuple[float, dict[str, float]]] = []

    def run(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            self.samples.append((time.monotonic() - self._began, self._read()))

    def table(self) -> Table:
        table = Table(
            "Memory, MB",
            ["", "first", "after warm-up", "middle", "end", "slope, MB/h", "flat"],
            [
                (
                    "Each part with all its processes (PSS). The slope is that of a line through"
                    f" all samples after the first {WARM_UP:.0%} of the time; flat is growth by"
                    f" less than {FLAT_PERCENT} % from then to the end."
                )
            ],
        )
        parts = self.samples[0][1] if self.samples else {}
        for part in parts:
            table.add(part, *self._row(part))
        return table

    def _row(self, part: str) -> list[str]:
        every = [(at, values[part]) for at, values in self.samples if values.get(part)]
        warm = every[int(len(every) * WARM_UP) :]
        if len(warm) < 4:
            return [f"{values:.0f}" for _, values in every[:1]] + [""] * 5
        few = max(1, len(warm) // 10)
        start, end = (mean(v for _, v in some) for some in (warm[:few], warm[-few:]))
        growth = (end / start - 1) * 100
        return [
            f"{every[0][1]:.0f}",
            f"{start:.0f}",
            f"{warm[len(warm) // 2][1]:.0f}",
            f"{end:.0f}",
            f"{_slope(warm) * 3600:+.0f}",
            f"{'yes' if growth < FLAT_PERCENT else 'no'} ({growth:+.1f} %)",
        ]


def _slope(points: list[tuple[float, float]]) -> float:
    """Of the line through the points that is nearest to all of them (least squares)."""
    middle_x, middle_y = mean(x for x, _ in points), mean(y for _, y in points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0
