"""Response times of what a filter matches, over at most its newest 100,000 events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import CompoundSelect, Select, func, select, union_all
from sqlalchemy.orm import Session

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.models import events
from auditsaas.events.reading import many_workspaces
from auditsaas.events.reading.facets import TEXT_CAP
from auditsaas.events.reading.index_scan import newest, walks
from auditsaas.events.reading.totals import CAP


@dataclass(frozen=True)
class Latency:
    """Milliseconds; ``cut`` says that only the newest events were looked at."""

    p50: float
    p95: float
    max: float
    over: int
    cut: bool


def latency(
    session: Session, workspace_ids: Sequence[UUID], event_filter: EventFilter
) -> Latency | None:
    """The median, 95th percentile and longest response time; None where no event has one."""
    cap = TEXT_CAP if event_filter.terms else CAP
    if len(workspace_ids) > many_workspaces.MANY:
        return _of_many(session, workspace_ids, event_filter, cap)
    parts, cut = [], False
    for walk in walks(session, workspace_ids, event_filter):
        found, reached = newest(session, walk, cap // len(workspace_ids), events.c.duration_ms)
        parts.append(found.where(events.c.duration_ms.is_not(None)))
        cut = cut or reached is not None
    if not parts:
        return None
    return _measured(session, union_all(*(part.subquery().select() for part in parts)), cut=cut)


def _of_many(
    session: Session, workspace_ids: Sequence[UUID], event_filter: EventFilter, cap: int
) -> Latency | None:
    limit = max(1, cap // len(workspace_ids))
    found = many_workspaces.each(
        session, workspace_ids, event_filter, [events.c.id, events.c.duration_ms], limit
    ).subquery()
    known = select(found.c.duration_ms).where(found.c.duration_ms.is_not(None))
    return _measured(session, known, cut=True)


def _measured(
    session: Session, found: Select[Any] | CompoundSelect[Any], *, cut: bool
) -> Latency | None:
    durations = found.subquery()
    column = durations.c.duration_ms
    percentiles = func.percentile_cont([0.5, 0.95]).within_group(column)
    row = session.execute(
        select(percentiles.label("percentiles"), func.max(column), func.count(column))
    ).one()
    if not row[2]:
        return None
    return Latency(row.percentiles[0], row.percentiles[1], row[1], row[2], cut)
