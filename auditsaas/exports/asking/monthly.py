"""One export for each month of a period, where one file would hold too many rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas.errors import FieldError, InvalidFields
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.models import event_counts
from auditsaas.events.reading import totals
from auditsaas.exports.asking import with_proof
from auditsaas.exports.asking.request import ExportRequest

MOST_FILES: Final = 36


def by_month(session: Session, asked: ExportRequest) -> list[ExportRequest]:
    """Split a request into one for each month that has matching events, newest first.

    Raises:
        InvalidFields: there would be more than ``MOST_FILES`` files.
    """
    source, wanted, meant = asked.reader or session, [], asked.event_filter
    if asked.proof:
        through_platform = asked.reader is not None
        meant = with_proof.meant(
            session, asked.workspaces, meant, through_platform=through_platform
        )
    for month in _months(source, asked.workspaces, asked.event_filter.period, asked.zone):
        narrowed = asked.event_filter.with_period(month)
        count = totals.count(source, asked.workspaces, meant.with_period(month))
        if count.total:
            wanted.append(replace(asked, event_filter=narrowed, counted=count))
    if len(wanted) > MOST_FILES:
        message = f"This is {len(wanted)} months; choose a range of at most {MOST_FILES}."
        raise InvalidFields([FieldError("range", message)])
    return wanted


def _months(
    session: Session, workspaces: Sequence[UUID], period: TimeRange, zone: ZoneInfo
) -> list[TimeRange]:
    """Cut the period at the first of each month of the zone, newest first."""
    start = period.start or _oldest(session, workspaces)
    end = period.end or datetime.now(UTC)
    if start is None or start >= end:
        return []
    found = []
    while start < end:
        local = start.astimezone(zone)
        year, month = divmod(local.year * 12 + local.month, 12)
        following = datetime(year, month + 1, 1, tzinfo=zone).astimezone(UTC)
        found.append(TimeRange(start, min(following, end)))
        start = following
    return found[::-1]


def _oldest(session: Session, workspaces: Sequence[UUID]) -> datetime | None:
    oldest: datetime | None = session.scalar(
        select(func.min(event_counts.c.hour)).where(event_counts.c.workspace_id.in_(workspaces))
    )
    return oldest
