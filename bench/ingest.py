"""Events over HTTP into the log, beside COPY and INSERT of the same events by hand.

The web server is gunicorn as it is deployed; the other side is psycopg with ready-made rows, into
a plain table of the same columns and indexes: no validation, no sequence, no counts, no tenancy.
"""

from __future__ import annotations

import http.client
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from statistics import median, quantiles
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from msgspec import structs
from sqlalchemy import make_url

from auditsaas.demo.activity import generate
from auditsaas.events.event_sources import CLI
from auditsaas.events.schema import from_mapping
from auditsaas.events.writing.identity import Identifier
from auditsaas.events.writing.rows import row_of
from bench.installation import installation, open_workspaces
from bench.tables import Table, ms
from config.settings import Settings
from tests.support.serving import WebProcess

BATCH = 500
CONNECTIONS = 4
WORKSPACES = 10
ROUNDS = 3
SEED = 20261123

COLUMNS = (
    "workspace_id, id, seq, occurred_at, received_at, activity, status, actor_id, actor_name,"
    " actor_email, actor_role, actor_status, method, path, status_code, ip, user_agent, platform,"
    " browser, duration_ms, request_id, targets, changes, metadata, idempotency_key,"
    " source"
)


@dataclass(frozen=True)
class Place:
    """A server with a database of its own, and ten workspaces with a key each."""

    settings: Settings
    web: WebProcess
    workspaces: list[UUID]
    keys: list[str]


@contextmanager
def place() -> Iterator[Place]:
    with installation("bench") as settings:
        opened = open_workspaces(settings, WORKSPACES)
        web = WebProcess(settings, settings.data_dir / "web.log")
        web.start()
        try:
            workspaces, keys = ([o.workspace for o in opened], [o.key for o in opened])
            yield Place(settings, web, workspaces, keys)
        finally:
            web.stop()


class Source:
    """Believable events of the last days, each with a key of its own, in batches."""

    def __init__(self, total: int) -> None:
        self._events = (e for _, e in generate(seed=SEED, total=total, now=now(), days=20))
        self._number = 0

    def batches(self, count: int, size: int = BATCH) -> list[list[dict[str, Any]]]:
        return [list(self._next(size)) for _ in range(count)]

    def _next(self, size: int) -> Iterator[dict[str, Any]]:
        for event in islice(self._events, size):
            self._number += 1
            yield event | {"idempotency_key": f"bench-{self._number}"}


def now() -> datetime:
    return datetime.now(UTC)


# Over HTTP


def post_all(place: Place, bodies: list[bytes], workspaces: int) -> float:
    """Seconds that ``CONNECTIONS`` clients take to post all bodies, each its share."""
    return _together(
        lambda number: _post(
            place, [(n, bodies[n]) for n in range(number, len(bodies), CONNECTIONS)], workspaces
        )
    )


def _post(place: Place, numbered: list[tuple[int, bytes]], workspaces: int) -> None:
    client = Client(place)
    for number, body in numbered:
        client.post(place.keys[number % workspaces], body)
    client.close()


class Client:
    """One kept connection."""

    def __init__(self, place: Place) -> None:
        self._connection = http.client.HTTPConnection(*place.web.address)

    def post(self, key: str, body: bytes) -> None:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._connection.request("POST", "/api/v1/events", body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status != 201:
            raise SystemExit(f"{answer.status} {text[:300]!r}")

    def close(self) -> None:
        self._connection.close()


def _together(run: Callable[[int], None]) -> float:
    threads = [threading.Thread(target=run, args=(number,)) for number in range(CONNECTIONS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


# By hand


def make_plain_table(place: Place) -> None:
    with connect(place) as connection:
        connection.execute("CREATE TABLE plain_events (LIKE events INCLUDING INDEXES)")


def connect(place: Place) -> psycopg.Connection[Any]:
    url = make_url(place.settings.owner_url).set(drivername="postgresql")
    return psycopg.connect(url.render_as_string(hide_password=False))


Rows = list[tuple[Any, ...]]


def rows_of(events: list[dict[str, Any]], workspace: UUID, first_seq: int) -> Rows:
    """Events as ready rows; what the product derives from them is there already."""
    arrived = now()
    identify = Identifier(workspace, arrived, len(events))
    rows = []
    for seq, event in enumerate(events, first_seq):
        parsed = from_mapping(event, arrived)
        row = structs.asdict(row_of(parsed, *identify(parsed, None)))
        documents = {
            name: None if row[name] is None else msgspec.json.encode(row[name]).decode()
            for name in ("targets", "changes", "metadata")
        }
        stated = {"workspace_id": workspace, "seq": seq, "received_at": arrived, "source": CLI}
        values = row | documents | stated
        rows.append(tuple(values[name] for name in COLUMNS.replace(" ", "").split(",")))
    return rows


def copy_all(place: Place, batches: list[Rows]) -> float:
    """Seconds that as many processes take to copy all batches, each its share."""
    # Forked, for the rows are not to be sent to each; whoever runs this may have been spawned.
    context = multiprocessing.get_context("fork")
    started = context.Barrier(CONNECTIONS + 1)
    processes = [
        context.Process(
            target=_copy, args=(place, batches[number::CONNECTIONS], started), daemon=True
        )
        for number in range(CONNECTIONS)
    ]
    for process in processes:
        process.start()
    started.wait()
    began = time.perf_counter()
    for process in processes:
        process.join()
    seconds = time.perf_counter() - began
    if any(process.exitcode for process in processes):
        raise SystemExit("a direct copy failed")
    return seconds


def _copy(place: Place, batches: list[Rows], started: Any) -> None:
    with connect(place) as connection:
        connection.execute(
            "CREATE TEMPORARY TABLE incoming (LIKE plain_events) ON COMMIT DELETE ROWS"
        )
        connection.commit()
        started.wait()
        for batch in batches:
            with connection.cursor().copy(f"COPY incoming ({COLUMNS}) FROM STDIN") as copy:
                for row in batch:
                    copy.write_row(row)
            connection.execute(
                f"INSERT INTO plain_events ({COLUMNS}) SELECT {COLUMNS} FROM incoming"
                " ON CONFLICT DO NOTHING"
            )
            connection.commit()


# What is measured


def measure_batches(place: Place, batches: int) -> Table:
    """Events a second of batches of 500, over one workspace and over ten."""
    make_plain_table(place)
    source = Source(BATCH * batches * ROUNDS * 4 + 10_000)
    post_all(place, _bodies(source.batches(CONNECTIONS * 4)), WORKSPACES)
    table = Table(
        f"Ingest, batches of {BATCH}, {CONNECTIONS} connections: events a second",
        ["", "over HTTP", "COPY + ON CONFLICT", "ratio"],
    )
    for workspaces, name in ((1, "one workspace"), (WORKSPACES, f"{WORKSPACES} workspaces")):
        pairs = [_pair(place, source, batches, workspaces) for _ in range(ROUNDS)]
        ours, theirs = (median(rates) for rates in zip(*pairs, strict=True))
        ratio = median(our / their for our, their in pairs)
        table.add(name, f"{ours:,.0f}", f"{theirs:,.0f}", f"{ratio:.2f} ×")
    return table


def _pair(place: Place, source: Source, batches: int, workspaces: int) -> tuple[float, float]:
    bodies = _bodies(source.batches(batches))
    ours = BATCH * batches / post_all(place, bodies, workspaces)
    rows = [
        rows_of(batch, place.workspaces[number % workspaces], number * BATCH)
        for number, batch in enumerate(source.batches(batches))
    ]
    return ours, BATCH * batches / copy_all(place, rows)


def _bodies(batches: list[list[dict[str, Any]]]) -> list[bytes]:
    return [msgspec.json.encode({"events": batch}) for batch in batches]


def measure_single(place: Place, count: int = 1000) -> Table:
    """Milliseconds of one event, from the first byte sent to the last received."""
    source = Source(count * 2 + 100)
    bodies = [msgspec.json.encode(event) for [event] in source.batches(count, 1)]
    client = Client(place)
    ours = _times([partial(client.post, place.keys[0], body) for body in bodies])
    client.close()
    insert = (
        f"INSERT INTO plain_events ({COLUMNS}) VALUES ({', '.join(['%s'] * 26)})"
        " ON CONFLICT DO NOTHING"
    )
    with connect(place) as connection:
        rows = [
            rows_of(batch, place.workspaces[0], number)[0]
            for number, batch in enumerate(source.batches(count, 1))
        ]

        def bare(row: tuple[Any, ...]) -> None:
            connection.execute(insert, row)
            connection.commit()

        theirs = _times([partial(bare, row) for row in rows])
    table = Table("One event at a time, one connection, ms", ["", "p50", "p95"])
    for name, times in (("POST /api/v1/events", ours), ("INSERT and COMMIT", theirs)):
        table.add(name, ms(median(times)), ms(quantiles(times, n=20)[-1]))
    return table


def _times(runs: Sequence[Callable[[], object]]) -> list[float]:
    times = []
    for run in runs:
        started = time.perf_counter()
        run()
        times.append((time.perf_counter() - started) * 1000)
    return times[len(times) // 20 :]


def measure_memory(place: Place, events: int) -> Table:
    """Memory of the web workers while events are posted, at ten points on the way."""
    source = Source(events + BATCH)
    table = Table("Memory of the two web workers, MB", ["events", "RSS"])
    table.add("0", f"{place.web.memory() / 1e6:.0f}")
    step = events // 10 // BATCH
    for tenth in range(1, 11):
        post_all(place, _bodies(source.batches(step)), WORKSPACES)
        table.add(f"{tenth * step * BATCH:,}", f"{place.web.memory() / 1e6:.0f}")
    return table


def measure(batches: int = 200, memory_events: int = 2_000_000) -> list[Table]:
    with place() as here:
        return [
            measure_batches(here, batches),
            measure_single(here),
            *([measure_memory(here, memory_events)] if memory_events else []),
        ]


if __name__ == "__main__":
    import sys

    for shown in measure(*map(int, sys.argv[1:])):
        print(shown)
