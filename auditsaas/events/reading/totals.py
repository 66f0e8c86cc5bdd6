"""Totals: exact from rollups or blocks where those answer, otherwise capped at 100,000."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Subquery, Uuid, any_, func, literal, select
from sqlalchemy.orm import Session

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.lifting import lift_terms
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.models import events, log_heads
from auditsaas.events.reading import across
from auditsaas.events.reading.blocks import answers
from auditsaas.events.reading.blocks.loading import NotKept
from auditsaas.events.reading.rollups import counted, of_days_or_hours, split_hours
from auditsaas.events.reading.scans.budget import Budget
from auditsaas.events.reading.scans.sample import Shares
from auditsaas.events.reading.scans.source import source

CAP = 100_000
"""The limit of counting the events themselves; the page then says “100,000+”."""

COUNT_SECONDS = 0.8
MARKED = (events.c.id, events.c.status, events.c.workspace_id)


@dataclass(frozen=True)
class Count:
    """Matching events and the errors among them; ``exact`` is False where counting stopped."""

    total: int
    errors: int
    exact: bool

    def __add__(self, other: Count) -> Count:
        return Count(
            self.total + other.total, self.errors + other.errors, self.exact and other.exact
        )


def count(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    *,
    shares: Shares | None = None,
) -> Count:
    """Count the matching events of the workspaces: exact, or at least 100,000."""
    event_filter = lift_terms(event_filter)
    if not event_filter.hourly:
        try:
            return _count_blocks(session, workspace_ids, event_filter, shares)
        except NotKept:
            return _count_steps(session, workspace_ids, event_filter, shares)
    whole, parts = split_hours(event_filter.period)
    total = Count(0, 0, exact=True)
    if whole is not None:
        total += _count_whole(session, workspace_ids, event_filter, whole, shares)
    for part in parts:
        logs = source(session, workspace_ids, event_filter.with_period(part))
        for found in logs.every(MARKED):
            total += _count_rows(session, found, shares)
    return total


def complete_through(session: Session, workspace_ids: Sequence[UUID]) -> datetime | None:
    """Read when the newest event was received: nothing that arrived before it is missing."""
    newest: datetime | None = session.scalar(
        select(func.max(log_heads.c.last_received_at)).where(
            log_heads.c.workspace_id == any_(literal(list(workspace_ids), ARRAY(Uuid)))
        )
    )
    return newest


def _count_whole(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    hours: TimeRange,
    shares: Shares | None,
) -> Count:
    together = across.total(session, workspace_ids, event_filter)
    if together is not None:
        across.share(shares, together)
        whole = next(row for row in together if row.workspace_id is None)
        return Count(whole.n, whole.errors, exact=True)

    def ask(has_days: bool) -> tuple[Count, Shares]:
        rows = counted(session, workspace_ids, event_filter, hours, has_days=has_days)
        errors = func.sum(rows.c.n).filter(rows.c.status == "error")
        total, of_each = func.coalesce(func.sum(rows.c.n), 0), Shares()
        summed = _summed(session, rows, total, errors, None if shares is None else of_each)
        return summed, of_each

    found, of_each = of_days_or_hours(session, workspace_ids, ask)
    if shares is not None:
        shares.update(of_each)
    return found


def _count_blocks(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    shares: Shares | None,
) -> Count:
    counted = answers.count(session, workspace_ids, event_filter)
    if shares is not None:
        shares.update({key: total for key, (total, _) in counted.items() if total})
    totals = [Count(total, errors, exact=True) for total, errors in counted.values()]
    return sum(totals, Count(0, 0, exact=True))


def _count_steps(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    shares: Shares | None,
) -> Count:
    """Count events newest first, up to 100,000 or until time runs out."""
    found = Count(0, 0, exact=True)

    def take(part: Select[Any]) -> int:
        nonlocal found
        some = _count_rows(session, part.limit(CAP + 1 - found.total), shares)
        found += some
        return some.total

    logs = source(session, workspace_ids, event_filter)
    reached = logs.read_steps(MARKED, CAP + 1, take, Budget(seconds=COUNT_SECONDS))
    if found.total > CAP:
        return Count(CAP, min(found.errors, CAP), exact=False)
    return replace(found, exact=reached is None)


def _count_rows(session: Session, found: Select[Any], shares: Shares | None) -> Count:
    rows = found.subquery()
    errors = func.count().filter(rows.c.status == "error")
    return _summed(session, rows, func.count(), errors, shares)


def _summed(
    session: Session,
    rows: Subquery,
    total: ColumnElement[int],
    errors: ColumnElement[int],
    shares: Shares | None,
) -> Count:
    """Sum up rows; by workspace first, where it is asked how much each of them has."""
    found = select(total.label("total"), func.coalesce(errors, 0).label("errors"))
    if shares is None:
        row = session.execute(found.select_from(rows)).one()
        return Count(int(row.total), int(row.errors), exact=True)
    summed = Count(0, 0, exact=True)
    for row in session.execute(
        found.add_columns(rows.c.workspace_id).group_by(rows.c.workspace_id)
    ):
        summed += Count(int(row.total), int(row.errors), exact=True)
        shares[row.workspace_id] += int(row.total)
    return summed
