"""Cursors: a place in the order of the log, and the direction in which reading goes on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import ColumnElement, literal

from auditsaas.events.models import events


def first(n: int) -> ColumnElement[int]:
    """Write a LIMIT into the statement, where a bound one would keep PostgreSQL from its plan.

    The plan that it keeps for any values has to know how few rows are wanted.
    """
    return literal(n, literal_execute=True)


@dataclass(frozen=True)
class Cursor:
    """Everything beyond ``id``; from the end of the log where that is None."""

    id: UUID | None = None
    older: bool = True
    """The direction: towards older events, as pages go, or back towards newer ones."""

    def moved(self, reached: UUID) -> Cursor:
        """Return the cursor that goes on from ``reached``."""
        return replace(self, id=reached)

    def within(self, reached: UUID | None = None) -> list[ColumnElement[bool]]:
        """Build conditions for events beyond the cursor, as far as ``reached`` (inclusive)."""
        found: list[ColumnElement[bool]] = []
        if self.id is not None:
            found.append(events.c.id < self.id if self.older else events.c.id > self.id)
        if reached is not None:
            found.append(events.c.id >= reached if self.older else events.c.id <= reached)
        return found

    def leads_to(self, reached: UUID) -> bool:
        """Tell whether ``reached`` is beyond the cursor, so that reading got on."""
        return self.id is None or (reached < self.id if self.older else reached > self.id)

    def reaches(self, id: UUID, reached: UUID) -> bool:
        """Tell whether reading meets ``id`` no later than ``reached``."""
        return id >= reached if self.older else id <= reached

    def just_before(self, edge: UUID) -> UUID:
        """Return the last id that reading could meet before ``edge``."""
        return UUID(int=edge.int + 1 if self.older else edge.int - 1)

    def order(self, column: ColumnElement[UUID]) -> ColumnElement[UUID]:
        """Build the order in which the events next to the cursor come first."""
        return column.desc() if self.older else column.asc()

    def nearest(self, ids: Collection[UUID]) -> UUID | None:
        """Return the id that reading comes to first; None where there are none."""
        return (max(ids) if self.older else min(ids)) if ids else None


NEWEST = Cursor()
"""From the newest event towards older ones."""
