"""Counts the figures of a report's cover from its rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, func, literal, select

from auditsaas.db.columns import Timestamp
from auditsaas.events.models import events
from auditsaas.events.reading.histogram import bar_edges
from auditsaas.exports.source import Source


@dataclass(frozen=True)
class Facts:
    rows: int
    errors: int
    users: int
    addresses: int
    p95_ms: float | None
    """The 95th percentile of the response times, where any event has one."""
    bars: tuple[tuple[int, int], ...]
    """Successes and errors, from the oldest bar to the newest."""
    step: str

    @property
    def successes(self) -> int:
        return self.rows - self.errors


def facts(source: Source) -> Facts:
    event = events.c
    all_rows = source.select(
        [
            event.workspace_id,
            event.occurred_at,
            event.status,
            event.actor_id,
            event.ip,
            event.duration_ms,
        ]
    ).subquery()
    row = all_rows.c
    failed = row.status == "error"
    found = source.connection.execute(
        select(
            func.count().label("rows"),
            func.count().filter(failed).label("errors"),
            func.count(func.distinct(row.workspace_id, row.actor_id)).label("users"),
            func.count(func.distinct(row.ip)).label("addresses"),
            func.percentile_cont(0.95).within_group(row.duration_ms).label("p95_ms"),
            func.min(row.occurred_at).label("first"),
            func.max(row.occurred_at).label("last"),
        )
    ).one()
    bars, step = ((), "") if found.first is None else _bars(source, all_rows, found)
    return Facts(found.rows, found.errors, found.users, found.addresses, found.p95_ms, bars, step)


def _bars(source: Source, all_rows: Any, found: Any) -> tuple[tuple[tuple[int, int], ...], str]:
    end: datetime = found.last + timedelta(microseconds=1)
    edges, step = bar_edges(found.first, end, source.zone)
    bucket = func.width_bucket(all_rows.c.occurred_at, literal(edges, ARRAY(Timestamp)))
    counted = source.connection.execute(
        select(
            bucket.label("bucket"),
            func.count().filter(all_rows.c.status != "error").label("successes"),
            func.count().filter(all_rows.c.status == "error").label("errors"),
        ).group_by(bucket)
    )
    by_bucket = {row.bucket: (row.successes, row.errors) for row in counted}
    return tuple(by_bucket.get(at, (0, 0)) for at in range(1, len(edges))), step
