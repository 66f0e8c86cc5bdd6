"""Readers and writers of one workspace, for a measurement of what holds them up."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import psycopg
from sqlalchemy import make_url

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.demo.activity import generate
from auditsaas.events.event_sources import CLI
from auditsaas.events.schema import from_mapping
from auditsaas.events.writing.append import append
from auditsaas.extensions import db
from bench.dataset import Dataset
from bench.scopes import bound_to_biggest
from bench.seeding import superuser

READERS, WRITERS = 3, 2
BATCH = 50
PAUSE_SECONDS = {"reader": 0.005, "writer": 0.02}
LOOK_SECONDS = 0.003

PAGE = """SELECT id, occurred_at, activity, status, actor_name, method, ip FROM events
WHERE workspace_id = %(w)s AND id < %(before)s ORDER BY id DESC LIMIT 51"""


@dataclass
class Busy:
    """What readers and writers did: when each step began and ended, on the monotonic clock."""

    reads: list[tuple[float, float]] = field(default_factory=list)
    writes: list[tuple[float, float]] = field(default_factory=list)
    locked: list[tuple[float, float]] = field(default_factory=list)
    """When somebody of them began to wait for a lock, and when nobody was seen to any more."""
    failed: list[str] = field(default_factory=list)


@contextmanager
def busy_with(data: Dataset) -> Iterator[Busy]:
    busy, over = Busy(), threading.Event()
    threads = [
        *(threading.Thread(target=_read, args=(data, busy, over)) for _ in range(READERS)),
        *(threading.Thread(target=_write, args=(data, busy, over, n)) for n in range(WRITERS)),
        threading.Thread(target=_look_at_locks, args=(data, busy, over)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield busy
    finally:
        over.set()
        for thread in threads:
            thread.join()


LONGEST_WAIT = """SELECT max(extract(epoch FROM clock_timestamp() - l.waitstart))
FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE NOT l.granted AND a.usename = %(app)s AND l.waitstart IS NOT NULL"""


def _look_at_locks(data: Dataset, busy: Busy, over: threading.Event) -> None:
    """What PostgreSQL itself says of who waits, whatever the machine adds to it.

    A wait is taken to last until the next look, so it may be shown longer than it was.
    """
    app = {"app": make_url(data.settings.database_url).username}
    with superuser(data.settings) as connection:
        waiting_since: float | None = None
        while not over.wait(LOOK_SECONDS):
            now = time.monotonic()
            if waiting_since is not None:
                busy.locked.append((waiting_since, now))
            row = connection.execute(LONGEST_WAIT, app).fetchone()
            waiting_since = now - float(row[0]) if row and row[0] is not None else None


def connected(data: Dataset) -> psycopg.Connection[object]:
    url = make_url(data.settings.database_url).set(drivername="postgresql")
    connection = psycopg.connect(url.render_as_string(hide_password=False))
    connection.execute(bound_to_biggest(data))
    connection.commit()
    return connection


def _read(data: Dataset, busy: Busy, over: threading.Event) -> None:
    newest = UUID("ffffffff-ffff-7fff-bfff-ffffffffffff")
    with connected(data) as connection:
        while not over.wait(PAUSE_SECONDS["reader"]):
            began = time.monotonic()
            connection.execute(PAGE, {"w": data.big, "before": newest}).fetchall()
            connection.commit()
            busy.reads.append((began, time.monotonic()))


def _write(data: Dataset, busy: Busy, over: threading.Event, number: int) -> None:
    made = generate(seed=number, total=5_000, now=datetime.now(UTC), days=1)
    pool = [{k: v for k, v in event.items() if k != "idempotency_key"} for _, event in made]
    batches = itertools.cycle(range(0, len(pool) - BATCH, BATCH))
    with data.app.app_context():
        session = tenancy.bind(Scope.of(data.big))
        while not over.wait(PAUSE_SECONDS["writer"]):
            first, now = next(batches), datetime.now(UTC)
            events = [
                from_mapping(event | {"occurred_at": now.isoformat()}, now)
                for event in pool[first : first + BATCH]
            ]
            began = time.monotonic()
            try:
                append(session, data.big, events, source=CLI)
                session.commit()
            except Exception as error:  # noqa: BLE001  # told at the end
                session.rollback()
                busy.failed.append(repr(error))
            busy.writes.append((began, time.monotonic()))
        db.session.remove()
