"""What a log holds, three ways; an append that was cut in half would make them differ."""

from __future__ import annotations

from sqlalchemy import func, select

from auditsaas.events.models import event_counts, events, log_heads
from auditsaas.workspaces.models import Workspace
from tests.factories import scoped


def in_log(workspace: Workspace) -> tuple[int, int, int]:
    """The sequence, the events, and the sum of the hourly counts."""
    with scoped(workspace.id) as session:
        return (
            session.scalar(select(log_heads.c.seq)) or 0,
            session.scalar(select(func.count()).select_from(events)) or 0,
            session.scalar(select(func.sum(event_counts.c.n))) or 0,
        )
