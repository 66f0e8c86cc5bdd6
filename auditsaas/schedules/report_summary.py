"""Summarises a report's events for its mail: totals, late arrivals and first-seen values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    Column,
    Row,
    exists,
    func,
    select,
    text,
    true,
    union_all,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from auditsaas.db.ids import first_id_at
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.labels import label
from auditsaas.events.models import events
from auditsaas.events.reading.scans.index_scan import IndexScan, index_scans
from auditsaas.schedules.models import ScheduleRun

SHOWN = 5
"""The most new things of each kind that a mail lists."""

PATIENCE = "60s"
"""The longest search for new things; a mail without them is better than none."""

FEWEST_EVENTS, FEWEST_ERRORS = 20, 5
JUMP_FACTOR, JUMP_SHARE = 2.0, 0.05
"""A failure rate jumped when it at least doubled and rose by five points, over enough events."""

UNKNOWN = "Other"
"""The platform of whatever names none; seeing it for the first time tells nothing."""

NEW_THINGS = {"ip": "first seen from {}", "platform": "first seen on {}", "activity": "first {}"}


@dataclass(frozen=True, kw_only=True)
class New:
    """Something that no event of the workspace had before this report."""

    who: str
    what: str
    events: int


@dataclass(frozen=True, kw_only=True)
class Findings:
    events: int
    errors: int
    late: int
    news: tuple[New, ...]
    more_news: int
    errors_before: int | None
    events_before: int | None
    """Those of the report before; None where there was none."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def find(
    session: Session, run: ScheduleRun, event_filter: EventFilter, before: ScheduleRun | None
) -> Findings:
    """Read the run's events, as its file holds them; the scope must hold the workspace."""
    scans = index_scans(
        session,
        [run.workspace_id],
        event_filter,
        snapshot={run.workspace_id: run.upto_seq},
        since={run.workspace_id: run.since_seq},
    )
    tallies = [_tally(session, scan) for scan in scans]
    total, errors = sum(tally[0] for tally in tallies), sum(tally[1] for tally in tallies)
    news, more = _news(session, run, scans)
    earlier = before.findings if before is not None else None
    return Findings(
        events=total,
        errors=errors,
        late=tallies[-1][0],
        news=tuple(_jump(event_filter, total, errors, earlier) + news),
        more_news=more,
        events_before=earlier["events"] if earlier else None,
        errors_before=earlier["errors"] if earlier else None,
    )


def _tally(session: Session, scan: IndexScan) -> tuple[int, int]:
    total, errors = session.execute(
        select(func.count(), func.count().filter(events.c.status == "error")).where(
            *scan.indexed, *scan.checked
        )
    ).one()
    return total, errors


def _jump(
    event_filter: EventFilter, total: int, errors: int, earlier: dict[str, Any] | None
) -> list[New]:
    """Find a jump of the failure rate; a filter by status has none."""
    if event_filter.status or not earlier or not earlier["events"]:
        return []
    if total < FEWEST_EVENTS or errors < FEWEST_ERRORS:
        return []
    share, share_before = errors / total, earlier["errors"] / earlier["events"]
    if share < share_before * JUMP_FACTOR or share - share_before < JUMP_SHARE:
        return []
    what = f"Failure rate {share:.1%}, up from {share_before:.1%}"
    return [New(who="", what=what, events=0)]


def _news(session: Session, run: ScheduleRun, scans: Sequence[IndexScan]) -> tuple[list[New], int]:
    """Find first-seen addresses, platforms and activities of each actor, and count the rest."""
    if not _has_history(session, run):
        return [], 0
    try:
        with session.begin_nested():
            session.execute(text(f"SET LOCAL statement_timeout = '{PATIENCE}'"))
            found = [(kind, _first_seen(session, run, scans, kind)) for kind in NEW_THINGS]
            session.execute(text("SET LOCAL statement_timeout = 0"))
    except OperationalError:
        return [], 0
    news = [
        New(who=row.who, what=NEW_THINGS[kind].format(_name(kind, row.what)), events=row.n)
        for kind, rows in found
        for row in rows
    ]
    return news, sum(max(0, rows[0].kinds - SHOWN) for _, rows in found if rows)


def _name(kind: str, value: str) -> str:
    return f"“{label(value)}”" if kind == "activity" else value


def _has_history(session: Session, run: ScheduleRun) -> bool:
    """Tell whether anything is older; everything is new in a log that has just begun."""
    return bool(session.scalar(select(exists().where(*_before(run)))))


def _first_seen(
    session: Session, run: ScheduleRun, scans: Sequence[IndexScan], kind: str
) -> Sequence[Row[Any]]:
    report = _report(scans)
    value: Any = report.c[kind]
    pairs = (
        select(
            report.c.actor_id,
            value,
            func.max(func.coalesce(report.c.actor_name, report.c.actor_id)).label("who"),
            func.count().label("n"),
        )
        .where(value.is_not(None), value != UNKNOWN if kind == "platform" else true())
        .group_by(report.c.actor_id, value)
        .subquery("pairs")
    )
    same: Column[Any] = events.c[kind]
    seen = exists().where(
        *_before(run), events.c.actor_id == pairs.c.actor_id, same == pairs.c[kind]
    )
    what = func.host(pairs.c.ip) if kind == "ip" else pairs.c[kind]
    return session.execute(
        select(pairs.c.who, what.label("what"), pairs.c.n, func.count().over().label("kinds"))
        .where(~seen)
        .order_by(pairs.c.n.desc(), pairs.c.who, pairs.c[kind])
        .limit(SHOWN)
    ).all()


def _report(scans: Sequence[IndexScan]) -> CTE:
    columns = ("actor_id", "actor_name", "ip", "platform", "activity")
    parts = [
        select(*(events.c[name] for name in columns)).where(*scan.indexed, *scan.checked)
        for scan in scans
    ]
    return union_all(*parts).cte("report")


def _before(run: ScheduleRun) -> tuple[Any, ...]:
    """Build the condition for events that an earlier report could hold."""
    return (
        events.c.workspace_id == run.workspace_id,
        events.c.id < first_id_at(run.starts_at),
        events.c.seq <= run.since_seq,
    )
