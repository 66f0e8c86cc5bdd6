"""The events of some logs that a filter matches, as their readers ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, Select

from auditsaas.events.reading.scans.budget import Budget
from auditsaas.events.reading.scans.cursor import Cursor
from auditsaas.events.reading.scans.event_rows import WHOLE, RowColumns
from auditsaas.events.reading.scans.sample import Sample, Take

Columns = Sequence[ColumnElement[Any]]


class Source(Protocol):
    """The events of some workspaces that a filter matches."""

    def page(
        self,
        limit: int,
        cursor: Cursor,
        columns: RowColumns = WHOLE,
        budget: Budget | None = None,
    ) -> tuple[list[Any], UUID | None]:
        """Read the next rows beyond the cursor, with the id reached if time ran out first."""

    def condition(self) -> ColumnElement[bool]:
        """Build the condition by which one event is told to match, among those of its log."""

    def ordered(self, columns: Columns) -> Select[Any]:
        """Select every event, newest first."""

    def every(self, columns: Columns) -> list[Select[Any]]:
        """Select every event, part by part, in no order."""

    def share(self, cap: int) -> int:
        """Return how many events of each log a count of at most ``cap`` samples."""

    def sample(self, columns: Columns, per_log: int) -> Sample:
        """Select the newest events of each log."""

    def read_sample(self, columns: Columns, cap: int, take: Take) -> UUID | None:
        """Hand about the newest ``cap`` events to ``take``; the id they end at, None if all."""

    def read_steps(self, columns: Columns, enough: int, take: Take, budget: Budget) -> UUID | None:
        """Hand events to ``take`` step by step until ``enough``; the id reached, None if all."""
