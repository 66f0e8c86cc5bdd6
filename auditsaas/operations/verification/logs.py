"""Verifies the log of one workspace: its numbering, its counts, its columns and its head.

All of it is read in one snapshot, so that what is appended meanwhile is no damage. PostgreSQL walks
the index and adds up; only sums and the first few differences come here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.operations.verification import columns
from auditsaas.operations.verification.damage import Damage, Report
from auditsaas.workspaces.models import NamedWorkspace

SHOWN: Final = 5
"""So many of the differences of a kind are told one by one."""

_HEAD = text("SELECT seq, removed, days_counted FROM log_heads WHERE workspace_id = :workspace")
_NUMBERS = text(
    """
    SELECT count(*) AS events, coalesce(min(seq), 0) AS first, coalesce(max(seq), 0) AS last,
        count(*) FILTER (WHERE seq = before) AS doubled
    FROM (SELECT seq, lag(seq) OVER (ORDER BY seq) AS before FROM events
        WHERE workspace_id = :workspace) AS numbered
    """
)
_GAPS = text(
    """
    SELECT before + 1 AS first, seq - 1 AS last FROM (
        SELECT seq, lag(seq, 1, 0::bigint) OVER (ORDER BY seq) AS before FROM (
            SELECT seq FROM events WHERE workspace_id = :workspace
            UNION ALL SELECT :after) AS ends
    ) AS numbered WHERE seq > before + 1 ORDER BY 1 LIMIT :shown
    """
)
_COUNTS = """
    WITH counted AS (
        SELECT date_trunc('{unit}', occurred_at, 'UTC') AS at, activity,
            coalesce(method, '') AS method, status, count(*) AS n
        FROM events WHERE workspace_id = :workspace GROUP BY 1, 2, 3, 4
    ), kept AS (
        SELECT {unit} AS at, activity, method, status, n FROM {table}
        WHERE workspace_id = :workspace AND n <> 0
    )
    SELECT CASE WHEN isfinite(at) THEN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI"Z"')
        ELSE at::text END AS at, activity, method, status, coalesce(kept.n, 0) AS kept,
        coalesce(counted.n, 0) AS real, count(*) OVER () AS differences
    FROM counted FULL JOIN kept USING (at, activity, method, status)
    WHERE kept.n IS DISTINCT FROM counted.n ORDER BY 1, 2, 3, 4 LIMIT :shown
"""
_HOURS = text(_COUNTS.format(unit="hour", table="event_counts"))
_DAYS = text(_COUNTS.format(unit="day", table="event_days"))


def verify(session: Session, workspace: NamedWorkspace) -> Report:
    """Verify the log of a workspace; the session's transaction is this look's own."""
    tenancy.bind(Scope.of(workspace.id), session)
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    named = {"workspace": workspace.id}
    head = session.execute(_HEAD, named).one_or_none()
    found = session.execute(_NUMBERS, named).one()
    if head is None:
        words = f"has no head, and {found.events:,} events"
        damages = [Damage("head", words)]
        figures = {"events": found.events}
    else:
        figures = {"events": found.events, "head": head.seq, "removed": head.removed}
        words = _summary(head, found)
        damages = [
            *_numbering(session, named, head, found),
            *_counts(session, named, head),
            *columns.differences(session, workspace),
        ]
    session.rollback()
    return Report(
        part="workspace",
        name=workspace.slug,
        words=words,
        figures=figures,
        damages=tuple(damages),
    )


def _summary(head: Row[Any], found: Row[Any]) -> str:
    removed = f", {head.removed:,} of them removed by retention" if head.removed else ""
    return f"{head.seq:,} events were numbered{removed}; {found.events:,} are there"


def _numbering(
    session: Session, named: dict[str, Any], head: Row[Any], found: Row[Any]
) -> Iterator[Damage]:
    if found.last > head.seq:
        words = f"numbers go to {found.last:,}, and the head says {head.seq:,}"
        yield Damage("head", words)
    if found.doubled:
        words = f"numbers were given twice, {found.doubled:,} times"
        yield Damage("sequence", words)
    missing = max(head.seq, found.last) - (found.events - found.doubled)
    if missing > head.removed:
        gaps = session.execute(
            _GAPS, {**named, "after": max(head.seq, found.last) + 1, "shown": SHOWN}
        ).all()
        among = " among" if head.removed else ""
        yield Damage(
            "sequence",
            f"{_events(missing - head.removed)} missing that retention did not remove:"
            f"{among} {', '.join(map(_gap, gaps))}{' …' if len(gaps) == SHOWN else ''}",
        )
    if missing < head.removed:
        words = f"{head.removed:,} count as removed, and {missing:,} are missing"
        yield Damage("head", words)


def _events(number: int) -> str:
    return "1 event is" if number == 1 else f"{number:,} events are"


def _gap(gap: Row[Any]) -> str:
    return f"{gap.first:,}" if gap.first == gap.last else f"{gap.first:,} to {gap.last:,}"


def _counts(session: Session, named: dict[str, Any], head: Row[Any]) -> Iterator[Damage]:
    yield from _differences("hourly counts", session.execute(_HOURS, {**named, "shown": SHOWN}))
    if head.days_counted == head.seq + head.removed:  # else they are not used, and made anew
        yield from _differences("daily counts", session.execute(_DAYS, {**named, "shown": SHOWN}))


def _differences(kind: str, rows: Iterable[Row[Any]]) -> Iterator[Damage]:
    shown = list(rows)
    for row in shown:
        method = f" by {row.method}" if row.method else ""
        yield Damage(
            kind,
            f"{row.real:,} {row.activity} {row.status}{method} of {row.at}"
            f" are there, and {row.kept:,} are counted",
        )
    if shown and shown[0].differences > len(shown):
        yield Damage(kind, f"and {shown[0].differences - len(shown):,} more")
