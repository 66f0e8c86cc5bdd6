"""The same questions to ClickHouse in this process (chDB); runs with its own environment.

Told by a JSON document on standard input, it fills its folder unless it is full, and writes the
milliseconds and rows of each answer as JSON.
"""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import chdb  # type: ignore[import-not-found]  # of its own environment
from chdb.session import Session  # type: ignore[import-not-found]

COLUMNS = """
    id UUID, occurred_at DateTime64(6, 'UTC'), activity LowCardinality(String),
    status LowCardinality(String), actor_id String, actor_name String, actor_email String,
    actor_role LowCardinality(String), method LowCardinality(String), path String,
    status_code UInt16, ip String, user_agent String, platform LowCardinality(String),
    browser LowCardinality(String), duration_ms Float64, request_id String, targets String,
    changes String, metadata String
"""
NAMES = [line.split()[0] for line in COLUMNS.replace("\n", " ").split(", ") if " " in line.strip()]
TEXT = (
    "lower(concat_ws('\\n', activity, path, actor_id, actor_name, actor_email, ip, user_agent,"
    " request_id, targets, changes, metadata))"
)
TABLE = f"""
CREATE TABLE {{name}} ({COLUMNS}, words String MATERIALIZED {TEXT} CODEC(ZSTD(1)),
    INDEX by_grams words TYPE ngrambf_v1(4, 32768, 2, 0) GRANULARITY 1,
    INDEX by_words words TYPE tokenbf_v1(32768, 2, 0) GRANULARITY 1,
    INDEX by_actor actor_id TYPE bloom_filter GRANULARITY 1,
    INDEX by_ip ip TYPE bloom_filter GRANULARITY 1,
    INDEX by_duration duration_ms TYPE minmax GRANULARITY 1
) ENGINE = MergeTree ORDER BY (occurred_at, id) SETTINGS index_granularity = 8192,
    fsync_after_insert = {{fsync}}, fsync_part_directory = {{fsync}}
"""
SHOWN = "id, occurred_at, activity, status, actor_id, actor_name, method, path, status_code, ip"
NEWEST = "ORDER BY occurred_at DESC, id DESC LIMIT 50"
RUNS, INSERTS = 7, 50

Times = dict[str, dict[str, float]]


def main() -> None:
    asked = json.load(sys.stdin)
    folder = Path(asked["folder"])
    session = Session(str(folder / "chdb"))
    session.query("SET max_threads = 1" if asked["one_thread"] else "SELECT 1")
    if not (folder / "filled").exists():
        _fill(session, Path(asked["csv"]))
        (folder / "filled").touch()
    found = {name: _timed(session, sql) for name, sql in _questions(asked).items()}
    found["csv"] = _timed(session, "SELECT * FROM events", form="CSV", runs=1)
    found["one event stored"] = _inserted(session, asked["row"])
    size = session.query("SELECT sum(bytes_on_disk) FROM system.parts WHERE active", "CSV")
    json.dump({"version": chdb.engine_version, "bytes": int(str(size)), "times": found}, sys.stdout)


def _fill(session: Session, source: Path) -> None:
    session.query("DROP TABLE IF EXISTS events")
    session.query(TABLE.format(name="events", fsync=0))
    session.query(
        f"INSERT INTO events ({', '.join(NAMES)}) SELECT * FROM"
        f" file('{source}', CSV, $${' '.join(COLUMNS.split())}$$)"
    )
    session.query("OPTIMIZE TABLE events FINAL")


def _questions(asked: dict[str, Any]) -> dict[str, str]:
    person, words = asked["person"], asked["words"].lower()
    facets = " UNION ALL ".join(
        f"SELECT '{name}', toString({name}) AS value, count() AS n FROM events GROUP BY value"
        " ORDER BY n DESC LIMIT 20"
        for name in ("activity", "status", "method", "actor_id", "platform")
    )
    edge = (
        f"(occurred_at, id) < (toDateTime64('{asked['edge_at']}', 6, 'UTC'),"
        f" toUUID('{asked['edge']}'))"
    )
    return {
        "first page": f"SELECT {SHOWN} FROM events {NEWEST}",
        "one person": f"SELECT {SHOWN} FROM events WHERE actor_id = '{person}' {NEWEST}",
        "deep": f"SELECT {SHOWN} FROM events WHERE {edge} {NEWEST}",
        "search": f"SELECT {SHOWN} FROM events WHERE words LIKE '%{words}%' {NEWEST}",
        "search, no hit": f"SELECT {SHOWN} FROM events WHERE words LIKE '%no-such-word%' {NEWEST}",
        "count, status=error": "SELECT count() FROM events WHERE status = 'error'",
        "count, platform=iOS": "SELECT count() FROM events WHERE platform = 'iOS'",
        "count, min_ms=3000": "SELECT count() FROM events WHERE duration_ms >= 3000",
        "facets": facets,
    }


def _timed(
    session: Session, sql: str, *, form: str = "JSONEachRow", runs: int = RUNS
) -> dict[str, float]:
    times = []
    for _ in range(runs + (runs > 1)):
        began = time.perf_counter()
        answer = str(session.query(sql, form))
        times.append((time.perf_counter() - began) * 1000)
    counted = times[runs > 1 :]
    return {"min": min(counted), "p50": median(counted), "rows": answer.count("\n")}


def _inserted(session: Session, row: list[str | None]) -> dict[str, float]:
    """Insert single events, each on the disk before it is answered."""
    session.query("DROP TABLE IF EXISTS single")
    session.query(TABLE.format(name="single", fsync=1))
    line = io.StringIO()
    csv.writer(line).writerow(row)
    times = []
    for _ in range(INSERTS):
        began = time.perf_counter()
        session.query(f"INSERT INTO single ({', '.join(NAMES)}) FORMAT CSV {line.getvalue()}")
        times.append((time.perf_counter() - began) * 1000)
    stored = int(str(session.query("SELECT count() FROM single", "CSV")))
    return {"min": min(times), "p50": median(times), "rows": stored}


if __name__ == "__main__":
    main()
