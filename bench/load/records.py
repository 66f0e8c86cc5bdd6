"""What was asked of the installation, how long each answer took, and which failed."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from statistics import quantiles


@dataclass(frozen=True)
class Asked:
    kind: str
    at: float
    """When it was asked, on the monotonic clock."""
    seconds: float
    failure: str | None
    """Why the answer was none, or not the right one."""


class Records:
    """Threads append; nothing is taken away."""

    def __init__(self) -> None:
        self.all: list[Asked] = []
        self.reopened = 0
        """Kept connections that the server had closed meanwhile, opened again as browsers do."""

    def add(self, kind: str, began: float, failure: str | None = None) -> None:
        self.all.append(Asked(kind, began, time.monotonic() - began, failure))

    def of(self, *kinds: str, since: float = 0, until: float = float("inf")) -> list[Asked]:
        """Those of some kinds that ended between two moments."""
        return [
            each
            for each in list(self.all)
            if (not kinds or each.kind in kinds) and since <= each.at + each.seconds < until
        ]


def failures(asked: list[Asked]) -> Counter[str]:
    return Counter(each.failure for each in asked if each.failure)


def milliseconds(asked: list[Asked]) -> list[float]:
    """Of those that were answered, shortest first."""
    return sorted(each.seconds * 1000 for each in asked if not each.failure)


def percentile(values: list[float], percent: int) -> float:
    """``nan`` where there is nothing to say."""
    if len(values) < 2:
        return values[0] if values else float("nan")
    return quantiles(values, n=100, method="inclusive")[percent - 1]
