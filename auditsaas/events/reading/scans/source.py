"""Decides how logs are read: few workspaces by index scans of each, very many in one statement.

Where a search has words, the dictionaries of words tell which parts of the logs are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.lifting import lift_terms
from auditsaas.events.reading.scans.by_words import by_words
from auditsaas.events.reading.scans.few_workspaces import FewWorkspaces
from auditsaas.events.reading.scans.logs import Source
from auditsaas.events.reading.scans.many_workspaces import ManyWorkspaces

MANY = 20
"""Beyond this number of workspaces, all are read by one statement."""


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
    if since is not None:
        return FewWorkspaces(session, workspace_ids, event_filter, snapshot, since)
    few = answers_at_once(workspace_ids)
    way = FewWorkspaces if few else ManyWorkspaces
    logs: Source = way(session, workspace_ids, event_filter, snapshot)
    return by_words(session, workspace_ids, event_filter, snapshot, logs, at_once=few)


def answers_at_once(workspaces: Sized) -> bool:
    """Tell whether there are few enough workspaces to count their events while a page waits."""
    return len(workspaces) <= MANY
