"""Builds the parts of an exact count over all workspaces, as tables of one statement.

The counts of ``platform_days`` end before a mark. What is later, what came late, and logs that are
not counted yet are read from the logs themselves.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import ARRAY, Uuid, bindparam

IDS: Final = bindparam("ids", type_=ARRAY(Uuid))
KEPT: Final = "SELECT upto, workspaces FROM platform_marks WHERE kind = 'days'"
WANTED: Final = "SELECT CAST(:wanted AS timestamptz) AS upto, 0 AS workspaces"


def parts(*, anew: bool = False) -> str:
    """Return the parts of an exact count, as tables of one statement, for the workspaces ``ids``.

    ``live`` are the later days, ``late`` came since into those before, ``fresh`` are logs that are
    not counted yet; ``known`` tells of each log whether its counts fit. ``anew`` counts none.
    """
    head = "CAST(NULL AS bigint)" if anew else "t.{}"
    seq, removed, closed = (head.format(name) for name in ("seq", "removed", "closed"))
    return f"""
WITH mark AS MATERIALIZED ({WANTED if anew else KEPT}),
live AS MATERIALIZED (
    SELECT d.* FROM unnest(:ids) AS w (id) CROSS JOIN LATERAL (
        SELECT workspace_id, day, activity, method, status, n FROM event_days
        WHERE workspace_id = w.id AND day >= (SELECT upto FROM mark) OFFSET 0) AS d
), known AS MATERIALIZED (
    SELECT h.*, seq - removed - live AS closed,
        days_counted = seq + removed AND (counted IS NULL
            OR was_removed = removed AND counted <= seq AND was_closed <= seq - removed - live)
        AS fits
    FROM (
        SELECT h.workspace_id, h.seq, h.removed, h.days_counted, {seq} AS counted,
            {removed} AS was_removed, {closed} AS was_closed, coalesce(l.n, 0)::bigint AS live
        FROM unnest(:ids) AS w (id) JOIN log_heads AS h ON h.workspace_id = w.id
        LEFT JOIN platform_heads AS t ON t.workspace_id = h.workspace_id
        LEFT JOIN (SELECT workspace_id, sum(n) AS n FROM live GROUP BY 1) AS l
            ON l.workspace_id = h.workspace_id
    ) AS h
), late AS MATERIALIZED (
    SELECT k.workspace_id, date_trunc('day', e.occurred_at, 'UTC') AS day, e.activity,
        coalesce(e.method, '') AS method, e.status, count(*) AS n
    FROM known AS k CROSS JOIN LATERAL (
        SELECT occurred_at, activity, method, status FROM events
        WHERE workspace_id = k.workspace_id AND seq > k.counted
        AND occurred_at < (SELECT upto FROM mark) OFFSET 0) AS e
    WHERE k.closed > k.was_closed GROUP BY 1, 2, 3, 4, 5
), fresh AS MATERIALIZED (
    SELECT d.* FROM known AS k CROSS JOIN LATERAL (
        SELECT workspace_id, day, activity, method, status, n FROM event_days
        WHERE workspace_id = k.workspace_id AND day < (SELECT upto FROM mark) OFFSET 0) AS d
    WHERE k.counted IS NULL
)"""  # noqa: S608  # constants of this module


FITS: Final = """(SELECT bool_and(fits) AND count(counted) = (SELECT workspaces FROM mark)
    FROM known)"""
"""Whether all that is counted together is of these workspaces, and exact."""
