"""Whether workers grow with the files that they have built."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.faults.exports import Findings, Trial
from bench.faults.installation import WORKERS, Installation

PORTIONS = 10
WARM = 2
"""After so many portions every library is loaded and every pool filled."""
MOST_GROWTH_MB = 40.0


@dataclass
class Memory:
    found: Findings = field(default_factory=Findings)
    megabytes: list[dict[int, float]] = field(default_factory=list)
    """After each portion, by process."""

    @property
    def early(self) -> float:
        return max(self.megabytes[WARM - 1].values())

    @property
    def late(self) -> float:
        return max(self.megabytes[-1].values())

    @property
    def growth(self) -> float:
        """Of the process that grew most; one that was replaced counts from nothing."""
        early = self.megabytes[WARM - 1]
        return max(late - early.get(pid, 0.0) for pid, late in self.megabytes[-1].items())

    @property
    def flat(self) -> bool:
        return self.found.kept and self.growth <= MOST_GROWTH_MB


def over(made: Installation, trial: Trial, exports: int) -> Memory:
    """Build so many files, without any fault, and look at the workers now and then."""
    memory = Memory()
    for _ in range(PORTIONS):
        trial.ask(exports // PORTIONS, [])
        memory.megabytes.append(_by_process(made))
    memory.found = trial.findings()
    return memory


def _by_process(made: Installation) -> dict[int, float]:
    sizes = {}
    for pid in (pid for name in WORKERS for pid in made.children(name)):
        with suppress(OSError):
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            sizes[pid] = pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
    return sizes
