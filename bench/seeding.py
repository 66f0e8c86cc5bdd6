"""Fills a dataset: several senders at once, each a year of its own, through ``append``.

Every sender walks the whole year from its start to its end, so that together they are what many
sources in step would send, and a workspace's ``seq`` follows time as nearly as it does in life.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import create_engine, event, make_url, text

from auditsaas.accounts import passwords
from auditsaas.accounts.models import User
from auditsaas.app import create_app
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.demo.activity import generate
from auditsaas.events.event_sources import CLI
from auditsaas.events.schema import from_mapping
from auditsaas.events.writing.append import append
from auditsaas.extensions import db
from auditsaas.workspaces import service
from auditsaas.workspaces.models import Membership
from config.settings import Settings

SEED = 20261123
DAYS = 365
BATCH = 1000
SENDERS = (os.cpu_count() or 2) + 1
"""One more than there are cores: while one waits for its commit, the others work."""

SLOWEST = 1_000
"""Events a second below which seeding is given up."""

EMAIL, PASSWORD = "bench@acme.example", "x" * 16


@dataclass(frozen=True)
class Part:
    """What one sender sends."""

    number: int
    events: int
    share: float
    now: datetime
    workspaces: list[UUID]
    """The first is the big one."""


def fill(settings: Settings, events: int, share: float, now: datetime) -> float:
    """Make workspaces, their admin and ``events``; returns the seconds that the events took."""
    app = create_app(settings, statement_timeout_ms=0)
    with app.app_context():
        workspaces = _workspaces(share)
        db.engine.dispose()
    started = time.perf_counter()
    _send_all(settings, [Part(n, _part(events, n), share, now, workspaces) for n in range(SENDERS)])
    seconds = time.perf_counter() - started
    settle(settings)
    return seconds


def settle(settings: Settings) -> None:
    """What autovacuum and the checkpointer would have done by themselves after a while."""
    owner = create_engine(settings.owner_url, isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        connection.execute(text("VACUUM (ANALYZE)"))
    owner.dispose()
    if "host" in make_url(settings.database_url).query:
        with superuser(settings) as connection:
            connection.execute("CHECKPOINT")


def superuser(settings: Settings, database: str | None = None) -> psycopg.Connection[Any]:
    """A connection above all walls; only the embedded server gives one without a password."""
    url = make_url(settings.database_url)
    return psycopg.connect(
        host=str(url.query["host"]),
        port=int(str(url.query["port"])),
        dbname=database or url.database,
        user="postgres",
        autocommit=True,
    )


def _part(events: int, number: int) -> int:
    return events // SENDERS + (number < events % SENDERS)


def _workspaces(share: float) -> list[UUID]:
    session = db.session()
    names = ["Big", *(f"Small {n}" for n in range(1, 10))] if share < 1 else ["Big"]
    ids = [
        service.create_workspace(session, name, name.lower().replace(" ", "-")).id for name in names
    ]
    admin = User(email=EMAIL, name="Bench", password_hash=passwords.hashed(PASSWORD))
    session.add(admin)
    session.flush()
    tenancy.bind(Scope.of(*ids), session)
    session.add_all(Membership(workspace_id=i, user_id=admin.id, role="admin") for i in ids)
    session.commit()
    return ids


def _send_all(settings: Settings, parts: list[Part]) -> None:
    context = multiprocessing.get_context("spawn")
    senders = [context.Process(target=_send, args=(settings, part), daemon=True) for part in parts]
    for sender in senders:
        sender.start()
    deadline = time.monotonic() + 120 + sum(part.events for part in parts) / SLOWEST
    for sender in senders:
        sender.join(max(0, deadline - time.monotonic()))
    if any(sender.exitcode != 0 for sender in senders):
        for sender in senders:
            sender.kill()
        raise SystemExit("the dataset could not be made: a sender failed, or took far too long")


def _send(settings: Settings, part: Part) -> None:
    app = create_app(settings, statement_timeout_ms=0)
    with app.app_context():
        event.listen(db.engine, "connect", _flush_later)
        session = tenancy.bind(Scope.of(*part.workspaces))
        started, sent = time.perf_counter(), 0
        for workspace, batch in dealt(_events(part), part.workspaces, part.share):
            made = [from_mapping(each, part.now) for each in batch]
            append(session, workspace, made, source=CLI)
            session.commit()
            sent += len(batch)
            if part.number == 0 and sent % 200_000 == 0:
                rate = sent * SENDERS / (time.perf_counter() - started)
                print(f"  {sent * SENDERS:,} events, {rate:,.0f}/s", flush=True)


def _flush_later(connection: Any, _record: object) -> None:
    """A dataset that a crash cuts off is made anew, so its commits need not wait for the disk."""
    connection.execute("SET synchronous_commit = off")
    connection.commit()


def _events(part: Part) -> Iterator[dict[str, Any]]:
    made = generate(seed=SEED + part.number, total=part.events, now=part.now, days=DAYS)
    for _, each in made:
        each["idempotency_key"] = f"{part.number}-{each['idempotency_key']}"
        yield each


def dealt(
    source: Iterator[dict[str, Any]], ids: list[UUID], share: float
) -> Iterator[tuple[UUID, list[dict[str, Any]]]]:
    """Batches in time order, dealt so that the first workspace gets its share."""
    given = dict.fromkeys(ids, 0)
    total = 0
    while batch := list(islice(source, BATCH)):
        big, *small = ids
        behind = not small or given[big] <= share * total
        chosen = big if behind else min(small, key=given.__getitem__)
        given[chosen] += len(batch)
        total += len(batch)
        yield chosen, batch
