"""The outcome of an append, event by event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True)
class Difference:
    """Two contents under one id, by their hashes (``content.fingerprint``)."""

    id: UUID
    """The id of the event that stands."""
    given: str
    standing: str
    beside: UUID | None
    """The id that the given event was stored by; None for one in conflict, which was not."""


@dataclass(frozen=True)
class Appended:
    """The outcome of a batch, in its order."""

    ids: tuple[UUID, ...]
    """The id of each event, whether new or already there."""
    new: tuple[bool, ...]
    """Whether each was stored now; False for one that was there before or twice in the batch."""
    conflicting: tuple[bool, ...]
    """Whether its sender said something else under the id of each, so that it was not stored."""
    first_seq: int | None
    last_seq: int | None
    """The sequence numbers that the new events took; None when none was new."""
    differences: Mapping[int, Difference] = field(default_factory=dict)
    """Of each in conflict, and each stored beside another, by place, what it differs from."""

    @property
    def accepted(self) -> int:
        return sum(self.new)

    @property
    def duplicates(self) -> int:
        return len(self.new) - self.accepted - self.conflicts

    @property
    def conflicts(self) -> int:
        return sum(self.conflicting)


def by_kind(
    differences: Iterable[Difference],
) -> tuple[list[Difference], list[Difference]]:
    """Part those in conflict from those that were stored beside another."""
    found: tuple[list[Difference], list[Difference]] = ([], [])
    for each in differences:
        found[each.beside is not None].append(each)
    return found


NOTHING = Appended((), (), (), None, None)
