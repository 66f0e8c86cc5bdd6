"""Response times of what a filter matches: of all of it, or over its newest 100,000 events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import CompoundSelect, Select, func, select, union_all
from sqlalchemy.orm import Session

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.lifting import lift_terms
from auditsaas.events.models import events
from auditsaas.events.reading.blocks import answers
from auditsaas.events.reading.blocks.loading import NotKept
from auditsaas.events.reading.facets import TEXT_CAP
from auditsaas.events.reading.scans.sample import Shares
from auditsaas.events.reading.scans.source import source
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
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    *,
    shares: Shares | None = None,
) -> Latency | None:
    """Measure the median, 95th percentile and longest response time; None if no event has one."""
    event_filter = lift_terms(event_filter)
    if not workspace_ids:
        return None
    try:
        known, counted = answers.times(session, workspace_ids, event_filter)
    except NotKept:
        return _of_newest(session, workspace_ids, event_filter, shares)
    if shares is not None:
        shares.update(counted)
    return None if known is None else Latency(known.p50, known.p95, known.max, known.n, cut=False)


def _of_newest(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    shares: Shares | None,
) -> Latency | None:
    cap = TEXT_CAP if event_filter.terms else CAP
    per_log = max(1, cap // len(workspace_ids))
    logs = source(session, workspace_ids, event_filter)
    sample = logs.sample([events.c.duration_ms, events.c.workspace_id], per_log)
    known = [_known(part) for part in sample.parts]
    found = known[0] if len(known) == 1 else union_all(*known)
    if shares is not None:
        of = found.subquery().c.workspace_id
        for workspace_id, n in session.execute(select(of, func.count()).group_by(of)):
            shares[workspace_id] += n
    return _measured(session, found, cut=sample.cut)


def _known(part: Select[Any]) -> Select[Any]:
    durations = part.subquery()
    known = select(durations.c.duration_ms, durations.c.workspace_id)
    return known.where(durations.c.duration_ms.is_not(None))


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
