"""The content of a log, three ways; an append that was cut in half would make them differ."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import Table, func, select

from auditsaas.events.maintenance import daily_counts
from auditsaas.events.models import event_counts, event_days, events, log_heads
from auditsaas.workspaces.models import Workspace
from tests.support.factories import scoped


def in_log(workspace: Workspace) -> tuple[int, int, int]:
    """The sequence, the events, and the sum of the hourly counts."""
    with scoped(workspace.id) as session:
        return (
            session.scalar(select(log_heads.c.seq)) or 0,
            session.scalar(select(func.count()).select_from(events)) or 0,
            session.scalar(select(func.sum(event_counts.c.n))) or 0,
        )


def stored(workspace: Workspace) -> list[Any]:
    """Return all columns of the workspace's events, in the order of their sequence."""
    with scoped(workspace.id) as session:
        return list(session.execute(select(events).order_by(events.c.seq)))


def counts_are_exact(workspace: Workspace) -> bool:
    """Tell whether the hourly and the daily counts are those of the stored events."""
    with scoped(workspace.id) as session:
        complete = daily_counts.complete(session, [workspace.id])
    return (
        complete
        and counts_in(workspace, event_counts) == counted_from_events(workspace, "hour")
        and counts_in(workspace, event_days) == counted_from_events(workspace, "day")
    )


def counts_in(workspace: Workspace, table: Table) -> Counter[tuple[object, ...]]:
    """By time, activity, method and status."""
    with scoped(workspace.id) as session:
        return Counter({tuple(row[1:-1]): row.n for row in session.execute(select(table))})


def counted_from_events(workspace: Workspace, unit: str) -> Counter[tuple[object, ...]]:
    moment = func.date_trunc(unit, events.c.occurred_at, "UTC")
    method = func.coalesce(events.c.method, "")
    keys = (moment, events.c.activity, method, events.c.status)
    found = select(*keys, func.count().label("n")).group_by(*keys)
    with scoped(workspace.id) as session:
        return Counter({tuple(row[:-1]): row.n for row in session.execute(found)})
