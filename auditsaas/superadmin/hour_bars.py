"""Small bars of the last hours, as one outline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HEIGHT: Final = 22
BASE: Final = 23
WIDTH: Final = 6
STEP: Final = 8
LEAST: Final = 1.0
"""The height of what is not nothing, so that it is seen."""


@dataclass(frozen=True)
class HourBars:
    """An SVG path within 192 by 24 units; an hour of which nothing is known has no bar."""

    values: Sequence[float | None]

    @property
    def outline(self) -> str:
        most = max((value for value in self.values if value), default=1.0)
        return "".join(
            f"M{at * STEP} {BASE}h{WIDTH}v{-max(value / most * HEIGHT, LEAST):.1f}h-{WIDTH}z"
            for at, value in enumerate(self.values)
            if value
        )

    @property
    def ground(self) -> str:
        """A line below each hour that is known."""
        return "".join(
            f"M{at * STEP} {BASE}h{WIDTH}"
            for at, value in enumerate(self.values)
            if value is not None
        )

    @property
    def unknown(self) -> int:
        """The number of hours of which nothing is known."""
        return sum(value is None for value in self.values)
