"""What a suite found, as one line of the table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

COLUMNS = [
    "suite",
    "faults",
    "what came of it",
    "requests failed",
    "lost",
    "doubled",
    "seconds until seen: figures, doctor, system page",
    "broken",
    "control",
    "passed",
]
NOT_COUNTED = "–"


@dataclass(frozen=True)
class Verdict:
    suite: str
    under: str
    came: str
    broken: str
    control: str
    passed: bool
    failed: str = NOT_COUNTED
    lost: str = NOT_COUNTED
    doubled: str = NOT_COUNTED
    seen: str = NOT_COUNTED

    def cells(self) -> list[str]:
        return [
            self.suite,
            self.under,
            self.came,
            self.failed,
            self.lost,
            self.doubled,
            self.seen,
            self.broken or "nothing",
            self.control,
            "yes" if self.passed else "**no**",
        ]


def counted(broken: Counter[str]) -> str:
    return ", ".join(f"{n} {what}" for what, n in broken.most_common() if n)
