"""The small bars of a workspace's days, as two outlines: quicker to write than a shape a bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditsaas.formatting.numbers import number

HEIGHT, BASE = 22, 24
WIDTH, STEP = 12, 15.3


@dataclass(frozen=True)
class Day:
    success: int
    error: int

    @property
    def events(self) -> int:
        return self.success + self.error


@dataclass(frozen=True)
class Spark:
    """SVG paths within 104 by 24 units; errors stand on the baseline, successes on them."""

    days: Sequence[Day]

    @property
    def words(self) -> str:
        return ", ".join(number(day.events) for day in self.days)

    @property
    def successes(self) -> str:
        return self._outline([(day.error, day.success) for day in self.days])

    @property
    def errors(self) -> str:
        return self._outline([(0, day.error) for day in self.days])

    def _outline(self, bars: Sequence[tuple[int, int]]) -> str:
        """Draw bars by what lies below each and what it holds, scaled to the busiest day."""
        unit = HEIGHT / max((day.events for day in self.days if day.events), default=1)
        return "".join(
            f"M{at * STEP:.1f} {BASE - below * unit:.1f}h{WIDTH}v{-held * unit:.1f}h-{WIDTH}z"
            for at, (below, held) in enumerate(bars)
            if held
        )
