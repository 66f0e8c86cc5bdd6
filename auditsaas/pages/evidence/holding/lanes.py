"""Draws the last 24 hours of a holder: when it took a checkpoint, and since when it is silent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

DAY: Final = timedelta(hours=24)
UNITS: Final = 240
"""Of a lane's length; each is six minutes."""
UNIT: Final = DAY / UNITS


@dataclass(frozen=True)
class Mark:
    """A stretch of a lane."""

    look: str
    """`all` where checkpoints were taken one after the other, `v` for a single one, `gap`."""
    x: int
    width: int


def marks(units: Iterable[int], silent_since: datetime | None, now: datetime) -> list[Mark]:
    """Draw the units in which a holder took a checkpoint, and its silence."""
    drawn: list[Mark] = []
    for unit in sorted(set(units)):
        last = drawn[-1] if drawn else None
        if last is not None and last.x + last.width == unit:
            drawn[-1] = Mark("all", last.x, last.width + 1)
        else:
            drawn.append(Mark("v", unit, 1))
    if silent_since is not None:
        since = unit_of(silent_since, now)
        drawn.append(Mark("gap", since, UNITS - since))
    return drawn


def unit_of(at: datetime, now: datetime) -> int:
    """Return the unit of a time of the last 24 hours; the first of an earlier one."""
    return min(UNITS - 1, max(0, int((at - (now - DAY)) / UNIT)))
