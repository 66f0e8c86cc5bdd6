"""Figures of all workspaces for super-admins, read through the platform pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Uuid, bindparam, text
from sqlalchemy.orm import Session

from auditsaas.db.ids import first_id_at
from auditsaas.events.folding import fold
from auditsaas.events.presenter import Latency, latency
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.superadmin.spark import Day, Spark

DAYS = 7
SILENT_AFTER = timedelta(hours=24)
OFTEN = 0.05
"""The share of errors above which a workspace stands out."""

LATENCY_OVER = 200
"""The most newest events of a workspace that its response time is measured over."""

PAGE_SIZE = 50
ORDERS = {
    "events": "events DESC, name, id",
    "name": "lower(name), id",
    "members": "members DESC, name, id",
    "errors": "coalesce(errors::float8 / nullif(events, 0), 0) DESC, name, id",
    "last": "last_received_at DESC NULLS LAST, name, id",
}


@dataclass(frozen=True, kw_only=True)
class ShownWorkspace:
    id: UUID
    slug: str
    name: str
    events: int
    errors: int
    members: int
    stored_bytes: int
    retention_days: int | None
    legal_hold: bool
    last_event_at: datetime | None
    state: str
    internal: bool
    days: list[Day] = field(default_factory=list)
    p95: Latency | None = None

    @property
    def fails_often(self) -> bool:
        """Check for an error rate that needs attention."""
        return self.errors > OFTEN * self.events

    @property
    def spark(self) -> Spark:
        return Spark(self.days)


@dataclass(frozen=True, kw_only=True)
class Overview:
    """One page of the workspaces, and the totals over all of them."""

    rows: list[ShownWorkspace]
    workspaces: int
    members: int
    events: int
    errors: int
    stored_bytes: int
    first: int
    more: bool
    counted: Mapping[UUID, int]
    """The events of each workspace that the totals are made of."""


WEEK = """
WITH members AS (
    SELECT workspace_id, count(*) AS n FROM memberships WHERE disabled_at IS NULL GROUP BY 1
), figures AS (
    SELECT w.id, w.slug, w.name, w.retention_days, w.legal_hold, w.suspended_at,
        h.last_received_at, coalesce(h.seq - h.removed, 0) AS stored,
        coalesce(m.n, 0) AS members, coalesce(c.events, 0) AS events,
        coalesce(c.errors, 0) AS errors
    FROM workspaces AS w
    LEFT JOIN log_heads AS h ON h.workspace_id = w.id
    LEFT JOIN members AS m ON m.workspace_id = w.id
    LEFT JOIN LATERAL (
        SELECT sum(n) AS events, sum(n) FILTER (WHERE status = 'error') AS errors
        FROM {counts} AS e WHERE e.workspace_id = w.id AND e.{moment} >= :since
            AND h.last_received_at >= :since
    ) AS c ON true
)
SELECT *, count(*) OVER () AS found FROM figures
WHERE :words = '' OR strpos(fold_text(name), :words) > 0
    OR strpos(fold_text(slug), :words) > 0
"""
TOTALS = """
SELECT (SELECT count(*) FROM workspaces) AS workspaces,
    (SELECT count(DISTINCT user_id) FROM memberships WHERE disabled_at IS NULL) AS members,
    (SELECT coalesce(sum(seq - removed), 0) FROM log_heads) AS stored,
    (SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0) FROM pg_inherits
     WHERE inhparent = 'events'::regclass) AS bytes
"""
SPARKS = """
SELECT workspace_id, width_bucket({moment}, CAST(:edges AS timestamptz[])) - 1 AS day, status,
    sum(n) AS n
FROM unnest(:ids) AS w (id) JOIN {counts} ON workspace_id = w.id AND {moment} >= :since
GROUP BY 1, 2, 3
"""
LATENCIES = """
SELECT w.id, percentile_cont(0.95) WITHIN GROUP (ORDER BY e.duration_ms) AS p95
FROM unnest(:ids) AS w (id), LATERAL (
    SELECT duration_ms FROM events WHERE workspace_id = w.id AND id >= :first
    ORDER BY id DESC LIMIT :over) AS e
WHERE e.duration_ms IS NOT NULL GROUP BY w.id
"""
ALL_DAYS_COUNTED = text("SELECT bool_and(days_counted = seq + removed) FROM log_heads")
BY_DAY = {"counts": "event_days", "moment": "day"}
BY_HOUR = {"counts": "event_counts", "moment": "hour"}
IDS = bindparam("ids", type_=ARRAY(Uuid))


def overview(
    session: Session, now: datetime, *, words: str = "", order: str = "events", page: int = 0
) -> Overview:
    """Read a page of the workspaces by their last seven days (UTC), the busiest first."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since = midnight - timedelta(days=DAYS - 1)
    totals = session.execute(text(TOTALS)).one()
    table = BY_DAY if session.scalar(ALL_DAYS_COUNTED) else BY_HOUR
    found = session.execute(
        text(f"{WEEK.format(**table)} ORDER BY {ORDERS.get(order, ORDERS['events'])}"),
        {"since": since, "words": fold(words)},
    ).all()
    shown = found[page * PAGE_SIZE : (page + 1) * PAGE_SIZE]
    each = totals.bytes / totals.stored if totals.stored else 0.0
    ids = [row.id for row in shown]
    days, latencies = _days(session, ids, since, table), _latencies(session, ids, since)
    return Overview(
        rows=[_shown(row, now, each, days, latencies) for row in shown],
        workspaces=totals.workspaces,
        members=totals.members,
        events=sum(int(row.events) for row in found),
        errors=sum(int(row.errors) for row in found),
        stored_bytes=int(totals.bytes),
        first=page * PAGE_SIZE + 1,
        more=len(found) > (page + 1) * PAGE_SIZE,
        counted={row.id: int(row.events) for row in found},
    )


def _shown(
    row: Row[Any],
    now: datetime,
    each: float,
    days: dict[UUID, list[Day]],
    latencies: dict[UUID, float],
) -> ShownWorkspace:
    last = row.last_received_at
    state = "silent" if last is None or now - last > SILENT_AFTER else "active"
    return ShownWorkspace(
        id=row.id,
        slug=row.slug,
        name=row.name,
        events=int(row.events),
        errors=int(row.errors),
        members=row.members,
        stored_bytes=round(row.stored * each),
        retention_days=row.retention_days,
        legal_hold=row.legal_hold,
        last_event_at=last,
        state="suspended" if row.suspended_at else state,
        internal=row.id == SYSTEM_WORKSPACE_ID,
        days=days.get(row.id, []),
        p95=latency(latencies.get(row.id)),
    )


def _days(
    session: Session, ids: Sequence[UUID], since: datetime, table: Mapping[str, str]
) -> dict[UUID, list[Day]]:
    edges = [since + timedelta(days=day) for day in range(DAYS)]
    counted: dict[UUID, list[list[int]]] = {key: [[0, 0] for _ in edges] for key in ids}
    for row in session.execute(
        text(SPARKS.format(**table)).bindparams(IDS),
        {"ids": list(ids), "since": since, "edges": edges},
    ):
        counted[row.workspace_id][row.day][row.status == "error"] += int(row.n)
    return {key: [Day(*pair) for pair in pairs] for key, pairs in counted.items()}


def _latencies(session: Session, ids: Sequence[UUID], since: datetime) -> dict[UUID, float]:
    found = session.execute(
        text(LATENCIES).bindparams(IDS),
        {"ids": list(ids), "first": first_id_at(since), "over": LATENCY_OVER},
    )
    return {row.id: row.p95 for row in found}
