"""Counts of all workspaces, from daily counts of each and of all together, in turns.

``python -m bench.platform_counts [EVENTS]``; its database is that of ``bench.superadmin``.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Any
from unittest import mock
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.platform import Look, platform_session
from auditsaas.db.tenancy import Scope
from auditsaas.events.event_sources import CLI
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.maintenance import platform_counts
from auditsaas.events.reading import across
from auditsaas.events.reading.facets import facets
from auditsaas.events.reading.histogram import histogram
from auditsaas.events.reading.totals import count
from auditsaas.events.schema import from_mapping
from auditsaas.events.writing.append import append
from auditsaas.extensions import db
from bench.pages import FRAGMENT_HEADERS
from bench.superadmin import WORKSPACES, ready, signed_in_above
from bench.tables import Table, ms

KEPT = ("platform_marks", "platform_days", "platform_totals", "platform_heads")
TURNS = 7
LATE_LOGS = 50
FIELDS = ("status", "activity", "method", "workspace")
ERRORS = EventFilter(status=("error",))
NAMED = EventFilter(activity=("report.*",), method=("GET", "POST"))
COLUMNS = ["", "of each log, min", "p50", "CPU", "together, min", "p50", "CPU", "times", "≤ 60 ms"]
GOAL_MS = 60


def tables(events: int = 2_000_000) -> list[Table]:
    """Everything that is measured here; the database is filled first, unless it is there."""
    app = ready(events)
    with app.app_context():
        kept = _kept(app)
        over = f"Across {WORKSPACES:,} workspaces, {events:,} events"
        answers = Table(f"{over}: answers, ms", COLUMNS, NOTES)
        with platform_session(Look(every=True)) as session:
            ids = list(session.scalars(text("SELECT id FROM workspaces ORDER BY id")))
            for name, ask in _questions(session, ids).items():
                _add(answers, name, ask)
        _append_late(ids)
        with platform_session(Look(every=True)) as session:
            ask = _questions(session, ids)["count"]
            _add(answers, f"count, late events in {LATE_LOGS} logs", ask)
    served = Table(f"{over}: fragments as served, ms", COLUMNS)
    client = signed_in_above(app)
    for part in ("count", "histogram", "facets"):
        url = f"/admin/audit-logs/{part}"
        _add(served, part, partial(client.get, url, headers=FRAGMENT_HEADERS))
    return [kept, answers, served]


NOTES = [
    "In turns: the daily counts of each log are summed up, and those of all together are read.",
    "Either way each workspace is told how many of its events an answer was made of.",
    "Facets as served also count people, platforms, browsers and sources over the newest events.",
]


def _kept(app: Flask) -> Table:
    """Measure the worker: all anew, and where nothing is new."""
    engine = create_engine(app.extensions["settings"].owner_url)
    with engine.begin() as owner:
        owner.execute(text(f"TRUNCATE {', '.join(KEPT)}"))
    table = Table("Kept by the worker, s", ["", "s"])
    for name in ("all logs anew", "nothing is new"):
        started = time.perf_counter()
        platform_counts.count_in(engine, datetime.now(UTC))
        table.add(name, f"{time.perf_counter() - started:.2f}")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as owner:
        owner.execute(text(f"VACUUM (ANALYZE) {', '.join(KEPT)}"))
    engine.dispose()
    return table


def _questions(session: Session, ids: Sequence[UUID]) -> dict[str, Callable[[], Any]]:
    slugs = {str(key): key for key in ids}
    now, zone = datetime.now(UTC), ZoneInfo("UTC")
    return {
        "count": lambda: count(session, ids, EventFilter(), shares=Counter()),
        "count, status=error": lambda: count(session, ids, ERRORS, shares=Counter()),
        "count, activity and method": lambda: count(session, ids, NAMED, shares=Counter()),
        "histogram": lambda: histogram(session, ids, EventFilter(), zone, now, shares=Counter()),
        "histogram, status=error": lambda: histogram(
            session, ids, ERRORS, zone, now, shares=Counter()
        ),
        "facets": lambda: facets(session, slugs, EventFilter(), FIELDS, shares=Counter()),
        "facets, status=error": lambda: facets(session, slugs, ERRORS, FIELDS, shares=Counter()),
    }


def _append_late(ids: Sequence[UUID]) -> None:
    """Append an event of three days ago to some logs, which are not counted in."""
    at = datetime.now(UTC) - timedelta(days=3)
    given = {"activity": "report.late", "status": "success", "actor": {"id": "u_late"}}
    late = from_mapping(given | {"occurred_at": at.isoformat()}, datetime.now(UTC))
    for workspace_id in ids[:LATE_LOGS]:
        with tenancy.bind(Scope.of(workspace_id), Session(db.engine)) as session:
            append(session, workspace_id, [late], source=CLI)
            session.commit()


@contextmanager
def _of_each() -> Iterator[None]:
    """Answer from the daily counts of each log, as where those together do not fit."""
    with mock.patch.object(across, "_is_whole", return_value=False):
        yield


def _add(table: Table, name: str, ask: Callable[[], Any]) -> None:
    each: list[tuple[float, float]] = []
    together: list[tuple[float, float]] = []
    for turn in range(TURNS + 1):
        with _of_each():
            before = _timed(ask)
        after = _timed(ask)
        if turn:
            each.append(before)
            together.append(after)
    best = [min(wall for wall, _ in side) for side in (each, together)]
    middle = [median(wall for wall, _ in side) for side in (each, together)]
    spent = [median(cpu for _, cpu in side) for side in (each, together)]
    table.add(
        name,
        *(ms(side[number]) for number in (0, 1) for side in (best, middle, spent)),
        f"{best[0] / best[1]:.1f}",
        "yes" if best[1] <= GOAL_MS else "no",
    )


def _timed(ask: Callable[[], Any]) -> tuple[float, float]:
    """Run it once; wall and CPU of this process, in ms."""
    wall, cpu = time.perf_counter(), time.process_time()
    ask()
    return (time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    for table in tables(events):
        print(table)


if __name__ == "__main__":
    main()
