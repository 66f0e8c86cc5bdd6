"""Counts the events of all workspaces from what is counted of them together.

One statement reads it in one snapshot and tells whether it is exact. Where it is not, or where a
period or only some workspaces are asked for, the daily counts of each log are summed up instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from auditsaas.db.platform import sees_every
from auditsaas.db.tenancy import is_spread
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.maintenance.platform_parts import FITS, IDS, parts
from auditsaas.events.reading.scans.sample import Shares
from auditsaas.events.reading.scans.source import answers_at_once

_NARROWED: Final = {
    "status": "status = ANY (CAST(:status AS text[]))",
    "method": "method = ANY (CAST(:method AS text[]))",
    "activity": "(activity = ANY (CAST(:activity AS text[]))"
    " OR activity ^@ ANY (CAST(:prefixes AS text[])))",
}
_ROWS: Final = """
, rows AS (
    SELECT day, activity, method, status, n FROM platform_days {where}
    UNION ALL SELECT day, activity, method, status, n FROM live {where}
    UNION ALL SELECT day, activity, method, status, n FROM late {where}
    UNION ALL SELECT day, activity, method, status, n FROM fresh {where}
)"""
_SHARES_OF_ALL: Final = """
, shares AS (SELECT workspace_id, seq - removed AS n FROM known WHERE seq > removed)"""
_SHARES: Final = """
, shares AS (
    SELECT workspace_id, sum(n)::bigint AS n FROM (
        SELECT workspace_id, n FROM platform_totals {where}
        UNION ALL SELECT workspace_id, n FROM live {where}
        UNION ALL SELECT workspace_id, n FROM late {where}
        UNION ALL SELECT workspace_id, n FROM fresh {where}
    ) AS found GROUP BY 1
)"""
_TOTAL: Final = """
SELECT NULL::uuid AS workspace_id, coalesce(sum(n), 0)::bigint AS n,
    coalesce(sum(n) FILTER (WHERE status = 'error'), 0)::bigint AS errors, {fits} AS fits FROM rows
UNION ALL SELECT workspace_id, n, 0, NULL FROM shares
"""
_VALUES: Final = """
SELECT NULL::uuid AS workspace_id, activity, method, status,
    grouping(activity, method, status) AS which, sum(n)::bigint AS n, {fits} AS fits
FROM rows GROUP BY GROUPING SETS ((activity), (method), (status), ())
UNION ALL SELECT workspace_id, NULL, NULL, NULL, -1, n, NULL FROM shares
"""
_WHICH: Final = {"activity": 0b011, "method": 0b101, "status": 0b110, "workspace": -1}
"""What PostgreSQL's grouping() says of each: a bit for a field that was not grouped by."""
_BARS: Final = """
SELECT NULL::uuid AS workspace_id, width_bucket(day, CAST(:edges AS timestamptz[])) AS bucket,
    status, sum(n)::bigint AS n, {fits} AS fits
FROM rows GROUP BY GROUPING SETS ((2, 3), ())
UNION ALL SELECT workspace_id, NULL, NULL, n, NULL FROM shares
"""


def total(
    session: Session, ids: Sequence[UUID], event_filter: EventFilter
) -> Sequence[Row[Any]] | None:
    """Count all matching events, and those of each workspace; None where this cannot say."""
    return _asked(session, ids, event_filter, _TOTAL)


def values(
    session: Session, ids: Sequence[UUID], event_filter: EventFilter
) -> Sequence[Row[Any]] | None:
    """Count the values of each field, and the events of each workspace; None as ``total`` does."""
    return _asked(session, ids, event_filter, _VALUES)


def bars(
    session: Session, ids: Sequence[UUID], event_filter: EventFilter, edges: Sequence[datetime]
) -> Sequence[Row[Any]] | None:
    """Count the events between edges that cut no day (UTC); None as ``total`` does."""
    if any(edge.hour or edge.minute for edge in edges):
        return None
    return _asked(session, ids, event_filter, _BARS, edges=list(edges))


def share(shares: Shares | None, rows: Sequence[Row[Any]]) -> None:
    """Note how many events of each workspace an answer was made of."""
    if shares is not None:
        shares.update({row.workspace_id: row.n for row in rows if row.workspace_id is not None})


def counts_of(name: str, rows: Sequence[Row[Any]]) -> Counter[Any]:
    """Take the counts of one field's values from those of ``values``."""
    column = "workspace_id" if name == "workspace" else name
    found = (row for row in rows if row.which == _WHICH[name])
    return Counter({row._mapping[column]: row.n for row in found})


def _asked(
    session: Session, ids: Sequence[UUID], event_filter: EventFilter, query: str, **given: Any
) -> Sequence[Row[Any]] | None:
    if not _is_whole(session, ids, event_filter):
        return None
    named = [name for name in _NARROWED if getattr(event_filter, name)]
    where = "WHERE " + " AND ".join(_NARROWED[name] for name in named) if named else ""
    shares = _SHARES if named else _SHARES_OF_ALL
    rows = _ROWS.format(where=where) + shares.format(where=where)
    statement = text(parts() + rows + query.format(fits=FITS)).bindparams(IDS)
    found = session.execute(statement, {"ids": list(ids), **_values_of(event_filter), **given})
    answer = found.all()
    return answer if any(row.fits for row in answer) else None


def _is_whole(session: Session, ids: Sequence[UUID], event_filter: EventFilter) -> bool:
    """Tell whether a super-admin looks at every workspace, at all times."""
    everywhere = sees_every(session) and not answers_at_once(ids)
    if everywhere and is_spread(session.connection()):
        return False  # one statement does not look up the logs of a cluster one by one
    return everywhere and not event_filter.workspace and event_filter.period == TimeRange()


def _values_of(event_filter: EventFilter) -> dict[str, list[str]]:
    prefixes = [value[:-1] for value in event_filter.activity if value.endswith("*")]
    exact = [value for value in event_filter.activity if not value.endswith("*")]
    return {
        "status": list(event_filter.status),
        "method": list(event_filter.method),
        "activity": exact,
        "prefixes": prefixes,
    }
