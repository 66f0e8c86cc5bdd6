"""The same events in chDB, ClickHouse in a wheel: the fastest store of columns to be had.

It answers in its own process, for one tenant, without walls, and renders nothing; the product's
figures are of whole fragments as it serves them, by a client in its process.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

import msgspec
import psycopg

from bench import ingest
from bench.dataset import Dataset
from bench.pages import FRAGMENT_HEADERS, client_of
from bench.peers import files, installs
from bench.peers.same_events import COLUMNS, SameEvents
from bench.tables import Table

SITE = Path(__file__).parent / "sites" / "chdb_site.py"
RUNS = 7
POSTS = 200
SETTINGS = (
    "chDB: MergeTree ORDER BY (occurred_at, id), LowCardinality columns; n-gram and token bloom"
    " filters over the lower-cased text of all that the product searches, bloom filters on actor"
    " and address, minmax on the duration; parts merged by OPTIMIZE FINAL; one thread, as a worker"
    " has; single events by synchronous INSERT with fsync_after_insert and fsync_part_directory"
)

Answers = dict[str, Any]


def measure(data: Dataset, same: SameEvents, seconds: float) -> Table:
    """Ask both the same; milliseconds, least and median."""
    theirs = _asked_of_chdb(data, same)
    ours = _asked_of_product(data, same, seconds)
    table = Table(
        f"Questions to {same.rows:,} events, beside chDB {theirs['version']}, ms",
        ["", "chDB min", "p50", "rows", "AuditSaaS min", "p50"],
        [
            SETTINGS,
            (
                f"chDB holds {theirs['bytes'] / same.rows:,.0f} B an event with its copy of the"
                " text. The product's fragments are served whole, with row-level security; its"
                " counts and facets are one fragment each; CSV is `auditsaas export`, of all"
                " columns in both."
            ),
        ],
    )
    for name, its in theirs["times"].items():
        mine = ours.get(name)
        cells = [f"{its['min']:,.1f}", f"{its['p50']:,.1f}", f"{its['rows']:,}"]
        table.add(name, *cells, *(f"{value:,.1f}" for value in mine or ()))
    return table


def _asked_of_chdb(data: Dataset, same: SameEvents) -> Answers:
    python = installs.python_with("chdb")
    folder = data.settings.data_dir / "chdb"
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "events.csv"
    with psycopg.connect(same.url) as connection:
        edge_at = connection.execute(
            "SELECT occurred_at AT TIME ZONE 'UTC' FROM events WHERE id = %s", [same.edge]
        ).fetchone()
        row = connection.execute(
            f"SELECT {_as_text()} FROM events WHERE id = %s",  # constants
            [same.newest],
        ).fetchone()
        if not source.exists():
            _write(connection, source)
    assert edge_at is not None
    assert row is not None
    asked = {
        "folder": str(folder),
        "csv": str(source),
        "person": same.person,
        "words": same.words,
        "edge": same.edge,
        "edge_at": str(edge_at[0]),
        "row": list(row),
        "one_thread": True,
    }
    run = subprocess.run(
        [python, SITE], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise SystemExit(f"chDB: {run.stderr[-2000:]}")
    found: Answers = json.loads(run.stdout)
    return found


def _as_text() -> str:
    written = {
        "occurred_at": "to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')",
        "ip": "host(ip)",
    }
    return ", ".join(f"coalesce({written.get(name, name)}::text, '')" for name in COLUMNS)


def _write(connection: psycopg.Connection[Any], file: Path) -> None:
    """Write the events as chDB reads them; an empty text stands for NULL, and 0 for a number."""
    print("writing the events for chDB …", flush=True)
    unfinished = file.with_suffix(".new")
    copied = f"COPY (SELECT {_as_text()} FROM events ORDER BY id) TO STDOUT (FORMAT csv)"
    with unfinished.open("wb") as out, connection.cursor().copy(copied) as rows:
        for block in rows:
            out.write(block)
    unfinished.rename(file)


def _asked_of_product(
    data: Dataset, same: SameEvents, seconds: float
) -> dict[str, tuple[float, float]]:
    client, base = client_of(data), f"/w/{data.big_slug}/audit-logs"

    def fragment(path: str, **args: str) -> Callable[[], object]:
        return partial(_fragment, client, f"{path}?{urlencode(args)}")

    asked = {
        "first page": fragment(base),
        "one person": fragment(base, user=same.person),
        "deep": fragment(base, before=same.edge),
        "search": fragment(base, q=json.dumps(same.words)),
        "search, no hit": fragment(base, q="no-such-word"),
        "count, status=error": fragment(f"{base}/count", status="error"),
        "count, platform=iOS": fragment(f"{base}/count", platform="iOS"),
        "count, min_ms=3000": fragment(f"{base}/count", min_ms="3000"),
        "facets": fragment(f"{base}/facets"),
    }
    found = {name: _timed(run) for name, run in asked.items()}
    file = files.by_product(data, seconds * 10)
    if file.seconds is not None:
        found["csv"] = (file.seconds * 1000, file.seconds * 1000)
    return found | {"one event stored": _posted()}


def _fragment(client: Any, path: str) -> None:
    answer = client.get(path, headers=FRAGMENT_HEADERS)
    if answer.status_code != 200:
        raise SystemExit(f"{path}: {answer.status_code} {answer.text[:300]}")


def _timed(run: Callable[[], object], runs: int = RUNS) -> tuple[float, float]:
    times = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        run()
        times.append((time.perf_counter() - began) * 1000)
    return min(times[1:]), median(times[1:])


def _posted() -> tuple[float, float]:
    """Post single events over HTTP to an installation of their own."""
    with ingest.place() as here:
        client = ingest.Client(here)
        source = ingest.Source(POSTS + 100)
        bodies = [msgspec.json.encode(event) for [event] in source.batches(POSTS, 1)]
        each = iter(bodies)
        return _timed(lambda: client.post(here.keys[0], next(each)), POSTS - 1)
