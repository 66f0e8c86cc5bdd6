"""Counts from columns beside the same counts without them, and what building the columns costs.

``make bench ARGS="--events 2000000 --share 0.36 exact_counts"``: 720,000 events in one workspace.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from sqlalchemy import create_engine, text

from auditsaas.events.columns import building
from auditsaas.events.columns.models import BLOCK
from auditsaas.events.reading.blocks import answers
from bench.dataset import Dataset
from bench.evidence_seal import session_of
from bench.pages import client_of, connected
from bench.tables import Table, ms
from bench.words_build import seconds_of

RUNS: Final = 5
PARTS: Final = ("count", "histogram", "facets", "latency")
BOUNDED: Final = (
    'data-exact="false"',
    "Counted in the newest",
    "counted since",
    "the newest that match",
)
"""Words of a fragment that is not of all events."""


def measure(dataset: Dataset) -> list[Table]:
    return [*build(dataset), compare(dataset)]


def build(dataset: Dataset) -> Iterator[Table]:
    """Build the columns of the biggest log from its first event, by one process."""
    owner = create_engine(dataset.settings.owner_url)
    with owner.begin() as connection:
        connection.execute(text("TRUNCATE event_columns, column_heads"))
    owner.dispose()
    with session_of(dataset.settings, dataset.big, as_owner=True) as session:
        server = Path("/proc") / str(session.scalar(text("SELECT pg_backend_pid()"))) / "stat"
        session.rollback()
        before, began, cpu = seconds_of(server), time.perf_counter(), time.process_time()
        built = building.build(session, dataset.big, turn=timedelta(hours=2))
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        theirs = seconds_of(server) - before
        size = session.scalar(text("SELECT pg_total_relation_size('event_columns')")) or 0
    assert built is not None
    table = Table(
        f"The columns of a log of {built.built_to:,} events, built by one process",
        ["seconds", "events/s", "CPU an event: the worker's", "PostgreSQL's", "bytes an event"],
        [f"Blocks of {BLOCK:,}; indexes are part of the size."],
    )
    table.add(
        f"{seconds:.1f}",
        f"{built.built_to / seconds:,.0f}",
        *(f"{each / built.built_to * 1e6:.1f} µs" for each in (cpu, theirs)),
        f"{size / built.built_to:.1f}",
    )
    yield table


def compare(dataset: Dataset) -> Table:
    """Ask each fragment both ways, by turns: medians of ``RUNS``, and the least."""
    table = Table(
        f"Counts of all {dataset.in_big:,} events, ms: median (least)",
        ["filter", "asked", "without columns", "with columns", "ratio", "of all events: without"],
        ["A fragment as served, in this process. With columns each is of all events."],
    )
    client = client_of(dataset)
    for name, args in _filters(dataset):
        for part in PARTS:
            url = f"/w/{dataset.big_slug}/audit-logs/{part}?{urlencode(args)}"
            old, new = _by_turns(partial(_ask, client, url))
            with _without_columns():
                whole = not any(words in _ask(client, url) for words in BOUNDED)
            table.add(
                name,
                part,
                *(f"{ms(sorted(times)[RUNS // 2])} ({ms(min(times))})" for times in (old, new)),
                f"{min(old) / min(new):.1f} ×",
                "yes" if whole else "no",
            )
    return table


def _filters(dataset: Dataset) -> list[tuple[str, list[tuple[str, str]]]]:
    with connected(dataset) as connection:
        [[actor]] = connection.execute(
            "SELECT actor_id FROM (SELECT actor_id FROM events WHERE workspace_id = %s"
            " ORDER BY id DESC LIMIT 20000) AS newest GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
            [dataset.big],
        ).fetchall()
    return [
        ("none", []),
        ("platform=iOS", [("platform", "iOS")]),
        ("min_ms=3000", [("min_ms", "3000")]),
        ("min_ms=143.9", [("min_ms", "143.9")]),
        ("one user", [("user", str(actor))]),
        ("role=member", [("role", "member")]),
        ("status=error, browser=curl 8.17", [("status", "error"), ("browser", "curl 8.17")]),
        (
            "report.*, Windows, max_ms=500",
            [("activity", "report.*"), ("platform", "Windows"), ("max_ms", "500")],
        ),
    ]


def _by_turns(ask: Callable[[], object]) -> tuple[list[float], list[float]]:
    old, new = list[float](), list[float]()
    for turn in range(RUNS + 1):
        with _without_columns():
            taken = _timed(ask)
        if turn:
            old.append(taken)
        taken = _timed(ask)
        if turn:
            new.append(taken)
    return old, new


def _timed(ask: Callable[[], object]) -> float:
    started = time.perf_counter()
    ask()
    return (time.perf_counter() - started) * 1000


@contextmanager
def _without_columns() -> Iterator[None]:
    """Let no log be answered from columns for a while."""
    known, answers.MOST_WORKSPACES = answers.MOST_WORKSPACES, 0  # type: ignore[misc]
    try:
        yield
    finally:
        answers.MOST_WORKSPACES = known  # type: ignore[misc]


def _ask(client: Any, url: str) -> str:
    answer = client.get(url, headers={"HX-Request": "true", "HX-Request-Type": "partial"})
    if answer.status_code != 200:
        raise SystemExit(f"{url}: {answer.status_code}")
    return str(answer.text)
