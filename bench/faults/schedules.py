"""Schedules under fire: three tickers at once, a clock that jumps both ways, events that come
late, and Redis and PostgreSQL going away. Every report is made once, they join without gap or
overlap, and each event is in exactly one of them.
"""

from __future__ import annotations

import random
import threading
import time as clock
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.models import events
from auditsaas.schedules import runs
from auditsaas.schedules.models import RunState, Schedule
from auditsaas.schedules.timetable import Frequency, Timetable
from bench.faults.harm import PAUSE, Harm
from bench.faults.installation import Installation
from tasks.schedules import tick
from tests.support import factories
from tests.support.scheduling import ids_in, make_schedule, runs_of, schedule_row

TICKERS = 3
HOUR = timedelta(hours=1)
BEGIN = datetime(2026, 3, 5, 12, tzinfo=UTC)
"""Days before clocks change in New York, and weeks before they do in Berlin."""
ZONES = ("America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Auckland")
PATIENCE_SECONDS = 120.0
OUTAGES: dict[str, Callable[[Harm], None]] = {
    "Redis kill -9": Harm.kill_redis,
    "Redis frozen": Harm.freeze_redis,
    "backends terminated": Harm.end_backends,
    "PostgreSQL stopped": Harm.stop_postgres,
}


@dataclass
class Findings:
    schedules: int = 0
    reports: int = 0
    events: int = 0
    """In all reports together."""
    late: int = 0
    broken: Counter[str] = field(default_factory=Counter)

    @property
    def kept(self) -> bool:
        return self.reports > 0 and not self.broken


class Trial:
    def __init__(self, made: Installation, chance: random.Random) -> None:
        self._made = made
        self._chance = chance
        self._harm = Harm(made, chance)
        self._workspace = factories.make_workspace("On time")
        self._owner = factories.make_member(self._workspace)
        self._schedules = [
            make_schedule(self._workspace, self._owner, BEGIN, timetable=timetable, name=name)
            for name, timetable in _timetables()
        ]
        self._begins = {key: self._row(key).covered_until for key in self._schedules}

    def run(self, jumps: int, outages: int) -> Findings:
        """Let the clock jump so often; outages strike while tickers tick and workers build."""
        now = BEGIN
        struck = set(self._chance.sample(range(jumps), min(outages, jumps)))
        for jump in range(jumps):
            back = self._chance.random() < 0.25
            now += HOUR * (-self._chance.randint(1, 12) if back else self._chance.randint(1, 60))
            self._append(now)
            with ThreadPoolExecutor(1) as somebody:
                outage = self._chance.choice(list(OUTAGES.values())) if jump in struck else None
                trouble = somebody.submit(outage, self._harm) if outage else None
                self._together(lambda now=now: self._tick(now))  # type: ignore[misc]
                if trouble is not None:
                    trouble.result()
        self._harm.heal()
        self._make_up(now + 9 * 24 * HOUR)
        return self.findings()

    def run_careless(self) -> Findings:
        """The control: tickers that neither lock nor are held up by the key of due times."""
        with self._made.superuser() as connection:
            connection.execute("ALTER TABLE schedule_runs DROP CONSTRAINT uq_schedule_runs_due")
        now = BEGIN + 48 * HOUR
        self._append(now)
        for schedule_id in self._schedules:
            everyone_has_read = threading.Barrier(TICKERS)
            self._together(
                lambda key=schedule_id, meet=everyone_has_read: self._start(key, meet, now)  # type: ignore[misc]
            )
        self._make_up(now)
        return self.findings()

    def findings(self) -> Findings:
        found = Findings(schedules=len(self._schedules))
        with factories.scoped(self._workspace.id) as session:
            stored = select(events.c.id, events.c.occurred_at)
            everything = {
                str(row.id): row.occurred_at
                for row in session.execute(
                    stored.where(events.c.workspace_id == self._workspace.id)
                )
            }
        for schedule_id in self._schedules:
            self._examine(found, schedule_id, everything)
        return found

    def _examine(self, found: Findings, schedule_id: UUID, everything: dict[str, datetime]) -> None:
        made = runs_of(self._workspace, schedule_id)
        found.reports += len(made)
        found.broken["made twice"] += len(made) - len({run.due_at for run in made})
        for earlier, later in pairwise(made):
            joins = (later.starts_at, later.since_seq) == (earlier.ends_at, earlier.upto_seq)
            found.broken["windows do not join"] += not joins
        found.broken["not sent"] += sum(run.state != RunState.SENT for run in made)
        reported = Counter(event for run in made for event in ids_in(self._workspace, run))
        found.events += len(reported)
        found.broken["events in two reports"] += sum(n > 1 for n in reported.values())
        begin, end = self._begins[schedule_id], self._row(schedule_id).covered_until
        due = {event for event, at in everything.items() if begin <= at < end}
        found.broken["events in no report"] += len(due - reported.keys())
        told = [run.findings or {"events": 0, "late": 0} for run in made]
        found.late += sum(one["late"] for one in told)
        found.broken["another number told"] += sum(o["events"] for o in told) != reported.total()
        found.broken += Counter()  # forget the zeros

    def _append(self, now: datetime) -> None:
        made = [
            factories.event_input(
                occurred_at=(now - HOUR * self._chance.randint(0, 100)).isoformat()
            )
            for _ in range(self._chance.randint(0, 20))
        ]
        if made:
            factories.append_events(self._workspace, made)

    def _tick(self, now: datetime) -> None:
        """What beat makes a worker do, also when it finds no database."""
        for _ in range(3):
            with self._made.app.app_context(), suppress(SQLAlchemyError):
                tick(now)
            PAUSE.wait(0.2)

    def _start(self, schedule_id: UUID, everyone: threading.Barrier, now: datetime) -> None:
        with self._made.app.app_context(), factories.Sessions() as session:
            tenancy.bind(Scope.of(self._workspace.id), session)
            schedule = session.get_one(Schedule, (self._workspace.id, schedule_id))
            session.refresh(schedule)
            everyone.wait()
            runs.start(session, schedule, now)
            session.commit()

    def _together(self, work: Callable[[], None]) -> None:
        with ThreadPoolExecutor(TICKERS) as tickers:
            for done in [tickers.submit(work) for _ in range(TICKERS)]:
                done.result()

    def _make_up(self, now: datetime) -> None:
        """Tick until nothing is due or being built any more."""
        deadline = clock.monotonic() + PATIENCE_SECONDS
        while clock.monotonic() < deadline:
            self._together(lambda: self._tick(now))
            if not self._left(now):
                return

    def _left(self, now: datetime) -> int:
        with self._made.superuser() as connection:
            row = connection.execute(
                "SELECT (SELECT count(*) FROM schedules WHERE next_due_at <= %s)"
                " + (SELECT count(*) FROM schedule_runs WHERE state = 'building')",
                [now],
            ).fetchone()
        return int(str(row[0])) if row else 0

    def _row(self, schedule_id: UUID) -> Schedule:
        return schedule_row(self._workspace, schedule_id)


def _timetables() -> list[tuple[str, Timetable]]:
    """Daily and weekly in each zone, some at a time of day that clocks skip."""
    return [
        (
            f"{frequency.value.title()} in {zone}",
            Timetable(frequency=frequency, at=time(2, 30), weekday=2, zone=ZoneInfo(zone)),
        )
        for zone in ZONES
        for frequency in (Frequency.DAILY, Frequency.WEEKLY)
    ]
