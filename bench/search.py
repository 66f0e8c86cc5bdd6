"""Searches of many kinds: read by the dictionary of words, beside the walk that they were before.

Every answer is compared with that of a plain scan of the whole log. ``make bench ARGS="--events
2000000 --share 0.36 search"``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Any
from unittest.mock import patch
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool
from werkzeug.datastructures import MultiDict

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.models import events
from auditsaas.events.reading import pages, totals
from auditsaas.events.reading.scans import source
from auditsaas.events.reading.scans.few_workspaces import FewWorkspaces
from auditsaas.events.words import growing
from auditsaas.events.words.models import BLOCK
from bench.dataset import Dataset, copied
from bench.engines import superuser
from bench.tables import Table

RUNS = 9
LIMIT = 50
GOAL_MS, FAR_GOAL_MS = 50, 300
FAR_EVENTS = 50_000_000
SCANNED = 2_000
"""Hits up to which all of them are compared; of more, the newest."""

ONE = text("""
SELECT request_id, actor_email, host(ip) AS ip, user_agent, path FROM events
WHERE workspace_id = :w AND request_id IS NOT NULL AND ip IS NOT NULL ORDER BY id OFFSET :n LIMIT 1
""")


@dataclass(frozen=True)
class Search:
    kind: str
    q: str


def searches(session: Session, workspace: UUID) -> list[Search]:
    """Forty searches; what is rare of them is taken from the oldest events."""
    old, older = (session.execute(ONE, {"w": workspace, "n": n}).one() for n in (5_000, 50))
    kinds = {
        "no hit": ["zzqqxx", "sparrow hawk", "req_zzzzzzzz", "żółwik", "東京タワー", "zq"],
        "one hit": [old.request_id, older.request_id, f"request:{old.request_id}"],
        "rare": [
            old.request_id[:8],
            older.request_id[4:9],
            "api_key.delete",
            "30,90",
            "enterprise",
        ],
        "common": ["mozilla", "grace", "tariff", "Thảo", "YILMAZ", "invoice", "e"],
        "phrase": ['"Grace Mbeki"', '"tests failed"', '"the grid interface"', '"wrong door"'],
        "prefix": [f"path:{old.path}*", "path:/settings/*", "path:/invoices/12*", "/invoices/12"],
        "negation": ["-mozilla grace", "-status:success tariff", "-invoice -meter -shipment"],
        "metadata": ["meta.plan:enterprise", "meta.format:csv meta.rows:1002", "meta.plan:none"],
        "changes": ["retention_days", "price_group", '"delivered"'],
        "target": ["target:1055", "target:9999"],
        "signs": ['"/"'],
    }
    made = [Search(kind, q) for kind, typed in kinds.items() for q in typed]
    return [*made, Search("one hit", f"{old.ip} {old.request_id[:12]}")]


def measure(data: Dataset, share: float) -> list[Table]:
    grow_all(data.app, data.settings.owner_url)
    return [_in_one(data), _far(data, share)]


def grow_all(app: Flask, owner_url: str) -> None:
    """Take the words of all logs into their dictionaries, and let PostgreSQL look at these."""
    engine = create_engine(owner_url, poolclass=NullPool)
    with app.app_context(), Session(engine) as session:
        for workspace in session.scalars(text("SELECT id FROM workspaces")).all():
            session.rollback()
            growing.grow(session, workspace, turn=timedelta(hours=1))
        session.rollback()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE event_words")


def _in_one(data: Dataset) -> Table:
    title = f"Searches of {data.in_big:,} events in the workspace: the first page of {LIMIT}"
    columns = ["kind", "search", "hits", "walk: pages, ms in all", "now: p50, min, ms"]
    table = Table(title, [*columns, "walked now", f"≤ {GOAL_MS} ms", "as a plain scan", "count"])
    with data.app.app_context():
        session = tenancy.bind(Scope.of(data.big))
        for search in searches(session, data.big):
            table.add(*_measured(session, data.big, search))
        session.rollback()
    table.notes.append("“walk” asks for page after page until it is full, as it was before")
    table.notes.append("“walked now” is what words do not tell: then a page may ask to go on")
    return table


def _measured(session: Session, workspace: UUID, search: Search) -> Iterator[str]:
    chosen = asked(search.q)
    expected = _scanned(session, workspace, chosen)
    with walking():
        walked, taken = _walk(session, workspace, chosen)
    read = partial(pages.page, session, [workspace], chosen, limit=LIMIT)
    times = timed(read)
    page = read()
    rows = [row.id for row in page.rows]
    same = rows == expected[: len(rows)] and (
        page.searched_to is not None or _whole(rows, expected)
    )
    exported = session.scalars(
        source.source(session, [workspace], chosen).ordered([events.c.id]).limit(SCANNED)
    ).all()
    counted = totals.count(session, [workspace], chosen)
    right = (
        counted.total >= len(expected)
        if len(expected) == SCANNED
        else counted.total == len(expected)
    )
    yield from (search.kind, f"`{search.q}`")
    yield f"{len(expected):,}" if len(expected) < SCANNED else f"{SCANNED:,}+"
    yield f"{walked}, {taken:.0f}"
    yield f"{median(times):.1f}, {min(times):.1f}"
    yield "yes" if page.searched_to else "no"
    yield "yes" if median(times) <= GOAL_MS else "no"
    yield "the same" if same and exported == expected else "OTHERS"
    yield "bounded" if not counted.exact else "exact" if right else "WRONG"


def _whole(rows: Sequence[UUID], expected: Sequence[UUID]) -> bool:
    return len(rows) == min(LIMIT, len(expected))


def _scanned(session: Session, workspace: UUID, chosen: EventFilter) -> list[UUID]:
    """What a plain scan of the whole log finds, the newest first."""
    plain = FewWorkspaces(session, [workspace], chosen).ordered([events.c.id])
    return list(session.scalars(plain.limit(SCANNED)))


def _walk(session: Session, workspace: UUID, chosen: EventFilter) -> tuple[int, float]:
    """Go on searching until a page is full or all was searched; pages asked for, and ms in all."""
    found, before, asked_for, started = 0, None, 0, time.perf_counter()
    while not asked_for or (before is not None and found < LIMIT):
        page = pages.page(session, [workspace], chosen, limit=LIMIT - found, before=before)
        found, before, asked_for = found + len(page.rows), page.searched_to, asked_for + 1
    return asked_for, (time.perf_counter() - started) * 1000


def walking() -> Any:
    """Read without the dictionaries while it is entered, as before there were any."""
    return patch.object(source, "by_words", lambda *given, **_: given[-1])


def asked(q: str) -> EventFilter:
    return EventFilter.from_args(MultiDict([("q", q)]), zone=ZoneInfo("UTC"), now=datetime.now(UTC))


def timed(run: Any, runs: int = RUNS) -> list[float]:
    """Milliseconds of each run, after two that do not count."""
    times = []
    for turn in range(runs + 2):
        started = time.perf_counter()
        run()
        if turn > 1:
            times.append((time.perf_counter() - started) * 1000)
    return times


MANIFOLD = """
INSERT INTO event_words
SELECT workspace_id, block + n * %(blocks)s, first_seq + n * %(seqs)s, last_seq + n * %(seqs)s,
    min_id, max_id, events, signature, words
FROM event_words, generate_series(%(first)s::int, %(last)s::int) AS n
WHERE workspace_id = %(w)s AND block < %(blocks)s AND strpos(words, %(needle)s) = 0
"""
ENDS = (
    "UPDATE log_heads SET seq = %(last)s WHERE workspace_id = %(w)s",
    "UPDATE word_heads SET words_to = %(last)s WHERE workspace_id = %(w)s",
)
COPIES = 10
"""Of the blocks, in one statement."""


def _far(data: Dataset, share: float) -> Table:
    """Multiply the blocks of the workspace, as of a log of fifty million events."""
    table = Table(
        f"Searches by the dictionary of {FAR_EVENTS:,} events, p50 and min, ms",
        ["kind", "search", f"{data.in_big:,} events", f"{FAR_EVENTS:,}", f"≤ {FAR_GOAL_MS} ms"],
        ["the blocks of the workspace many times over; events there are of the first ones alone"],
    )
    with copied(data.events, share, "words") as far, far.app.app_context():
        session = tenancy.bind(Scope.of(far.big))
        needle = session.execute(ONE, {"w": far.big, "n": 5_000}).one().request_id
        chosen = [Search("no hit", "zzqqxx"), Search("no hit", "sparrow hawk")]
        chosen += [Search("one hit", needle), Search("one hit", f"request:{needle}")]
        chosen += [Search("common", "mozilla"), Search("metadata", "meta.plan:none")]
        reads = [
            partial(pages.page, session, [far.big], asked(one.q), limit=LIMIT) for one in chosen
        ]
        near = [timed(read) for read in reads]
        session.rollback()
        _multiply(far, needle.removeprefix("req_"))
        for search, before, read in zip(chosen, near, reads, strict=True):
            after = timed(read, 5)
            cells = (f"{median(times):.1f}, {min(times):.1f}" for times in (before, after))
            goal = "yes" if median(after) <= FAR_GOAL_MS else "no"
            table.add(search.kind, f"`{search.q}`", *cells, goal)
        session.rollback()
    return table


def _multiply(data: Dataset, needle: str) -> None:
    """Copy the blocks, but those that hold the needle, until their numbers are so many."""
    blocks = -(-data.in_big // BLOCK)
    times = FAR_EVENTS // (blocks * BLOCK)
    given = {"w": data.big, "blocks": blocks, "seqs": blocks * BLOCK, "needle": needle}
    with superuser(data.settings) as connection:
        connection.execute("SET synchronous_commit = off")
        for first in range(1, times, COPIES):
            last = min(first + COPIES, times) - 1
            connection.execute(MANIFOLD, given | {"first": first, "last": last})
        for statement in ENDS:
            connection.execute(statement, {"w": data.big, "last": times * blocks * BLOCK})
        connection.execute("VACUUM ANALYZE event_words")
