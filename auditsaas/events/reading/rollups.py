"""What is counted beforehand of a period: its whole UTC days by the day, the rest by the hour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Column, Select, Subquery, column, func, literal, select, union_all
from sqlalchemy.orm import Session

from auditsaas.db.columns import Timestamp
from auditsaas.events.conditions import matches_activity
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.maintenance import daily_counts
from auditsaas.events.models import event_counts, event_days
from auditsaas.events.reading.spans import Span, split_days, whole_span
from auditsaas.events.search.terms import STATUSES


def counted(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    hours: TimeRange,
    edges: Iterable[datetime] = (),
) -> Subquery:
    """The counts of a period of whole hours, narrowed as the filter narrows the events.

    Rows of ``workspace_id``, ``start``, ``activity``, ``method``, ``status`` and ``n``; none of
    them counts events on both sides of one of ``edges``, which are whole hours too.
    """
    whole, rest = split_days(hours, edges)
    if whole and not daily_counts.complete(session, workspace_ids):
        whole, rest = [], [whole_span(hours)]
    parts = [
        _narrowed(_within(moment, spans), workspace_ids, event_filter)
        for moment, spans in ((event_days.c.day, whole), (event_counts.c.hour, rest))
        if spans
    ]
    return union_all(*parts).subquery("counted")


def _within(moment: Column[datetime], spans: Sequence[Span]) -> Select[Any]:
    """The rows of the table of ``moment`` in any of the spans, each found by the index."""
    table = moment.table.c
    found = select(
        table.workspace_id,
        moment.label("start"),
        table.activity,
        table.method,
        table.status,
        table.n,
    )
    if len(spans) == 1:
        return found.where(moment >= spans[0][0], moment < spans[0][1])
    ends = (column("first", Timestamp), column("after", Timestamp))
    arrays = (literal(list(side), ARRAY(Timestamp)) for side in zip(*spans, strict=True))
    span = func.unnest(*arrays).table_valued(*ends, name="span").render_derived()
    return found.where(moment >= span.c.first, moment < span.c.after)


def _narrowed(
    found: Select[Any], workspace_ids: Sequence[UUID], event_filter: EventFilter
) -> Select[Any]:
    counts = found.selected_columns
    found = found.where(counts.workspace_id.in_(workspace_ids))
    if event_filter.status and set(event_filter.status) != set(STATUSES):
        found = found.where(counts.status == event_filter.status[0])
    if event_filter.activity:
        found = found.where(matches_activity(counts.activity, event_filter.activity))
    if event_filter.method:
        found = found.where(counts.method.in_(event_filter.method))
    return found
