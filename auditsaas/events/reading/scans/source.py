"""Decides how logs are read: few workspaces by index scans of each, very many in one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import Session

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.lifting import lift_terms
from auditsaas.events.reading.scans.budget import Budget
from auditsaas.events.reading.scans.cursor import Cursor
from auditsaas.events.reading.scans.event_rows import WHOLE, RowColumns
from auditsaas.events.reading.scans.few_workspaces import FewWorkspaces
from auditsaas.events.reading.scans.many_workspaces import ManyWorkspaces
from auditsaas.events.reading.scans.sample import Sample, Take

MANY = 20
"""Beyond this number of workspaces, all are read by one statement."""

Columns = Sequence[ColumnElement[Any]]


class Source(Protocol):
    """The events of some workspaces that a filter matches."""

    def page(
        self, limit: int, cursor: Cursor, columns: RowColumns = WHOLE
    ) -> tuple[list[Any], UUID | None]:
        """Read the next rows beyond the cursor, with the id reached if time ran out first."""

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


def source(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    snapshot: Mapping[UUID, int] | None = None,
    since: Mapping[UUID, int] | None = None,
) -> Source:
    """Choose how to read the workspaces, up to each one's sequence number in ``snapshot``.

    With ``since``, also events from before the filter's period that arrived after that number.
    """
    event_filter = lift_terms(event_filter)
    if answers_at_once(workspace_ids) or since is not None:
        return FewWorkspaces(session, workspace_ids, event_filter, snapshot, since)
    return ManyWorkspaces(session, workspace_ids, event_filter, snapshot)


def answers_at_once(workspaces: Sized) -> bool:
    """Tell whether there are few enough workspaces to count their events while a page waits."""
    return len(workspaces) <= MANY
