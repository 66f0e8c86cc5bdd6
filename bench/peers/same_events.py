"""The biggest workspace's events in a database of the peers' own, on the same PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import psycopg
from sqlalchemy import make_url

from bench.dataset import Dataset
from bench.seeding import superuser

DATABASE = "peers"
COLUMNS = {
    "id": "uuid PRIMARY KEY",
    "occurred_at": "timestamptz NOT NULL",
    "activity": 'text COLLATE "C" NOT NULL',
    "status": 'text COLLATE "C" NOT NULL',
    "actor_id": 'text COLLATE "C" NOT NULL',
    "actor_name": "text",
    "actor_email": "text",
    "actor_role": "text",
    "method": 'text COLLATE "C"',
    "path": "text",
    "status_code": "smallint",
    "ip": "inet",
    "user_agent": "text",
    "platform": "text",
    "browser": "text",
    "duration_ms": "double precision",
    "request_id": "text",
    "targets": "text",
    "changes": "text",
    "metadata": "text",
}
INDEXED = ("activity", "actor_id", "status", "method", "ip")


@dataclass(frozen=True)
class SameEvents:
    url: str
    """Of the peers' database, for libpq."""
    rows: int
    depth: int
    person: str
    """The id of somebody who did a middling lot."""
    words: str
    """A path that few events have, the newest of them as deep as the deep page."""
    edge: str
    """The id of the last event above the deep page."""
    newest: str
    """The id of the newest event."""


def copied(data: Dataset, depth: int) -> SameEvents:
    """Copy the events unless they are there, and choose what to ask for."""
    with superuser(data.settings) as connection:
        if not connection.execute(
            "SELECT FROM pg_database WHERE datname = %s", (DATABASE,)
        ).rowcount:
            connection.execute(f"CREATE DATABASE {DATABASE}")
    with superuser(data.settings) as source, superuser(data.settings, DATABASE) as target:
        if not _is_whole(target):
            _copy(source, target, data)
        return _chosen(target, _url(data), depth)


def stop_queries(data: Dataset) -> None:
    """End what still runs for an answer that nobody waits for any more."""
    with superuser(data.settings) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (DATABASE,)
        )


def _url(data: Dataset) -> str:
    place = make_url(data.settings.database_url).query
    return (
        f"postgresql://postgres@/{DATABASE}?host={quote(str(place['host']))}&port={place['port']}"
    )


def _is_whole(target: psycopg.Connection[Any]) -> bool:
    return bool(target.execute("SELECT to_regclass('copied')").fetchone()[0])  # type: ignore[index]


def _copy(source: psycopg.Connection[Any], target: psycopg.Connection[Any], data: Dataset) -> None:
    print(f"copying {data.in_big:,} events for the peers …", flush=True)
    target.execute("DROP TABLE IF EXISTS events")
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    target.execute(f"CREATE TABLE events ({columns})")
    wanted = (
        f"SELECT {', '.join(COLUMNS)} FROM events WHERE workspace_id = '{data.big}' ORDER BY id"
    )
    with (
        source.cursor().copy(f"COPY ({wanted}) TO STDOUT") as out,
        target.cursor().copy("COPY events FROM STDIN") as into,
    ):
        for block in out:
            into.write(block)
    for name in INDEXED:
        target.execute(f"CREATE INDEX ON events ({name}, id)")
    target.execute("VACUUM (ANALYZE) events")
    target.execute("CREATE TABLE copied ()")


def _chosen(target: psycopg.Connection[Any], url: str, depth: int) -> SameEvents:
    def one(sql: str, *values: object) -> Any:
        found = target.execute(sql, values).fetchone()
        return found[0] if found else None

    rows = one("SELECT count(*) FROM events")
    depth = min(depth, rows - 100) // 50 * 50
    person = one(
        "SELECT actor_id FROM (SELECT actor_id, count(*) AS n FROM events GROUP BY 1) AS a"
        " ORDER BY n OFFSET (SELECT count(DISTINCT actor_id) / 2 FROM events) LIMIT 1"
    )
    edge = one("SELECT id FROM events ORDER BY id DESC OFFSET %s LIMIT 1", depth - 1)
    words = one(
        "SELECT path FROM events WHERE path ~ '[0-9]{4}' AND id < %s ORDER BY id DESC LIMIT 1", edge
    )
    newest = one("SELECT id FROM events ORDER BY id DESC LIMIT 1")
    return SameEvents(url, rows, depth, person, words, str(edge), str(newest))
