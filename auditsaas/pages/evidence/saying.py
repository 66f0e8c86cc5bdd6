"""Gathers what is said of a whole log, and what it is said of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from auditsaas.evidence.checking.models import TreeFinding
from auditsaas.formatting import numbers, times
from auditsaas.formatting.viewer import Viewer
from auditsaas.pages.evidence.checks import Checks
from auditsaas.pages.evidence.head import Head
from auditsaas.pages.evidence.holding.holder import Holder
from auditsaas.pages.evidence.looking_back import LookBack


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The sentence, and what belongs to it."""

    state: str
    look: str
    """`lead-ok`, `lead-waits`, `lead-bad` or nothing."""
    icon: str
    title: str
    lines: tuple[str, ...] = ()
    percent: int | None = None
    """How far what is going on has come."""
    progress: str = ""
    """What is going on, if anything is."""
    again: bool = False
    """Whether it is asked again soon, for a check is under way."""


@dataclass(frozen=True)
class Said:
    """The parts of a verdict, and how times are written in it."""

    head: Head
    back: LookBack | None
    checks: Checks
    holders: Sequence[Holder]
    findings: Sequence[TreeFinding]
    """The findings that are not acknowledged."""
    viewer: Viewer
    now: datetime

    @property
    def is_contradicted(self) -> bool:
        """Whether the log is not what the person saw of it before."""
        return self.back is not None and not self.back.began_so

    def recent(self, at: datetime) -> str:
        return times.recent(at, self.now, self.viewer)

    def on(self, at: datetime) -> str:
        """Write `on 11/20`, or `at 14:32:09 EST` of today."""
        if times.date(at, self.viewer) == times.date(self.now, self.viewer):
            return f"at {self.recent(at)}"
        if at.year == self.now.year:
            return f"on {times.short_date(at, self.viewer)}"
        return f"on {times.date(at, self.viewer)}"


def events(count: int) -> str:
    return "1 event" if count == 1 else f"{numbers.number(count)} events"
