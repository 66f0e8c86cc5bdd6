"""Compares what is counted of all workspaces together with a plain scan of their events."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from auditsaas.db.platform import Look, platform_session
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.reading.facets import facets
from auditsaas.events.reading.histogram import histogram
from auditsaas.events.reading.scans.sample import Shares
from auditsaas.events.reading.totals import count
from auditsaas.workspaces.models import Workspace
from tests.support.factories import Sessions

NOW = datetime.now(UTC)
UTC_ZONE = ZoneInfo("UTC")
FILTERS = [
    EventFilter(),
    EventFilter(status=("error",)),
    EventFilter(activity=("user.*", "invoice.pay"), method=("GET", "POST")),
]
EVENTS = text("""
SELECT workspace_id, date_trunc('day', occurred_at, 'UTC') AS day, activity,
    coalesce(method, '') AS method, status, count(*) AS n
FROM events GROUP BY 1, 2, 3, 4, 5
""")


def workspaces() -> list[UUID]:
    with Sessions() as session:
        return list(session.scalars(select(Workspace.id).order_by(Workspace.id)))


def asking() -> frozenset[UUID]:
    with Sessions() as session:
        return frozenset(session.scalars(select(Workspace.id).where(Workspace.asks_first)))


def answers(session: Session, ids: list[UUID], wanted: EventFilter) -> list[Any]:
    """Everything that is counted of all workspaces, with the shares that each is told of."""
    shares: list[Shares] = [Counter(), Counter(), Counter()]
    slugs = {str(key): key for key in ids}
    names = ["status", "activity", "method", "workspace"]
    now = NOW + timedelta(days=1)
    total = count(session, ids, wanted, shares=shares[0])
    values = facets(session, slugs, wanted, names, shares=shares[1])
    bars = histogram(session, ids, wanted, UTC_ZONE, now, shares=shares[2]).bars
    shown = {name: facet.counts for name, facet in values.items()}
    return [total, shown, bars, *({k: n for k, n in one.items() if n} for one in shares)]


def is_exact(*, approved: frozenset[UUID] = frozenset()) -> bool:
    """Tell whether each answer equals that of a plain scan of the events; assert it."""
    closed = asking() - approved
    ids = [key for key in workspaces() if key not in closed]
    with platform_session(Look(every=True, closed=closed)) as session:
        plain = session.execute(EVENTS).all()
        for wanted in FILTERS:
            found = [row for row in plain if _matches(row, wanted)]
            total, values, bars, *shares = answers(session, ids, wanted)
            assert (total.total, total.errors) == (summed(found), summed(found, status="error"))
            for name in ("status", "activity", "method"):
                others = [row for row in plain if _matches(row, wanted.without(name))]
                assert values[name] == counted_by(name, others), name
            assert values["workspace"] == counted_by("workspace_id", found)
            assert sum(bar.success + bar.error for bar in bars) == total.total
            assert [(bar.success, bar.error) for bar in bars] == in_bars(bars, found)
            assert shares[0] == shares[2] == values["workspace"]
    return True


def in_bars(bars: Any, rows: list[Any]) -> list[tuple[int, int]]:
    return [
        (
            summed([row for row in rows if bar.start <= row.day < bar.end], status="success"),
            summed([row for row in rows if bar.start <= row.day < bar.end], status="error"),
        )
        for bar in bars
    ]


def summed(rows: list[Any], **having: str) -> int:
    return sum(row.n for row in rows if all(getattr(row, k) == v for k, v in having.items()))


def counted_by(name: str, rows: list[Any]) -> dict[Any, int]:
    found: Counter[Any] = Counter()
    for row in rows:
        found[getattr(row, name)] += row.n
    return {value: n for value, n in found.items() if value != ""}


def _matches(row: Any, wanted: EventFilter) -> bool:
    named = any(
        row.activity.startswith(one[:-1]) if one.endswith("*") else row.activity == one
        for one in wanted.activity
    )
    return (
        (not wanted.activity or named)
        and (not wanted.status or row.status in wanted.status)
        and (not wanted.method or row.method in wanted.method)
    )
