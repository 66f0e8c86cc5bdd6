"""The outcome of a file: counts, and the first lines that were not stored, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from auditsaas.events.importers.outcome import Refused
from auditsaas.events.schema import EventInput
from auditsaas.events.writing.outcome import Appended, Difference, by_kind
from auditsaas.own_actions import NAMED_CONFLICTS as NAMED

SHOWN_REFUSALS = 20

OTHER_CONTENT = "same id, other content"


class Accepted(NamedTuple):
    """An event, its place in its instant, the id that it has already, and where it stands."""

    event: EventInput
    order: int | None
    id: UUID | None
    line: int
    byte: int | None


@dataclass
class Outcome:
    """The counts of lines so far."""

    format: str
    added: int = 0
    already_there: int = 0
    refused: int = 0
    first_refused: list[Refused] = field(default_factory=list)
    conflicts: int = 0
    """Lines whose id stands for other content; they are not stored."""
    first_conflicts: list[Refused] = field(default_factory=list)
    contested: int = 0
    """Added events whose id another sender's event of other content has."""
    differences: list[Difference] = field(default_factory=list, compare=False)
    """Of the first in conflict or contested, as many of each as their events name."""
    shown: int = SHOWN_REFUSALS
    """The most lines of a kind that are kept."""

    def refuse(self, line: Refused) -> None:
        self.refused += 1
        if len(self.first_refused) < self.shown:
            self.first_refused.append(line)

    def count(self, batch: Sequence[Accepted], appended: Appended) -> None:
        """Add what became of a batch."""
        self.added += appended.accepted
        self.already_there += appended.duplicates
        self.conflicts += appended.conflicts
        conflicts, contested = by_kind(appended.differences.values())
        named, beside = by_kind(self.differences)
        self.contested += len(contested)
        self.differences += conflicts[: NAMED - len(named)] + contested[: NAMED - len(beside)]
        if not appended.conflicts:
            return
        for item, differs in zip(batch, appended.conflicting, strict=True):
            if differs and len(self.first_conflicts) < self.shown:
                self.first_conflicts.append(Refused(item.line, OTHER_CONTENT, item.byte))

    def __str__(self) -> str:
        """Write `9,999 events added, 0 already there, 1 line refused`, and the conflicts if any."""
        events = "event" if self.added == 1 else "events"
        return (
            f"{self.added:,} {events} added, {self.already_there:,} already there,"
            f" {self.refused:,} {_lines(self.refused)} refused{self.conflict_words}"
            f"{self.contested_words}"
        )

    @property
    def foreseen(self) -> str:
        """Write the outcome of a dry run: `9,999 events as alb, …, nothing stored`."""
        events = "event" if self.added == 1 else "events"
        there = f", {self.already_there:,} already there" if self.already_there else ""
        return (
            f"{self.added:,} {events} as {self.format}{there},"
            f" {self.refused:,} {_lines(self.refused)} refused{self.conflict_words}"
            f"{self.contested_words}, nothing stored"
        )

    @property
    def conflict_words(self) -> str:
        """`, 2 lines in conflict (same id, other content)`; empty where there is none."""
        if not self.conflicts:
            return ""
        return f", {self.conflicts:,} {_lines(self.conflicts)} in conflict ({OTHER_CONTENT})"

    @property
    def contested_words(self) -> str:
        """`, 2 beside another sender's event of the same id`; empty where there is none."""
        if not self.contested:
            return ""
        return f", {self.contested:,} beside another sender's event of the same id"


def _lines(number: int) -> str:
    return "line" if number == 1 else "lines"
