"""One event by POST beside INSERT and COMMIT of its row, interleaved; where its time goes.

The ratio is taken of the same seconds: each POST is followed by its INSERT. The stages are those of
a process of its own, without HTTP; messages are counted as the server logs them.
"""

from __future__ import annotations

import functools
import http.client
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import msgspec
from flask import Flask
from flask.testing import FlaskClient

from auditsaas.api.ingest import keeping
from auditsaas.api.ingest import views as ingest_views
from auditsaas.app import create_app
from auditsaas.events.writing import append as appending
from bench.ingest import COLUMNS, Client, Place, Source, connect, make_plain_table, place, rows_of
from bench.seeding import superuser
from bench.tables import Table

WARM_UP = 100

Run = Callable[[], object]


def measure(count: int = 1000) -> list[Table]:
    with place() as here:
        make_plain_table(here)
        source = Source(count * 4 + 1_000)
        return [_side_by_side(here, source, count), *_inside(here, source, count // 2)]


def _side_by_side(here: Place, source: Source, count: int) -> Table:
    events = source.batches(count + WARM_UP, 1)
    bodies = [msgspec.json.encode(event) for [event] in events]
    rows = [
        rows_of(batch, here.workspaces[0], number)[0]
        for number, batch in enumerate(source.batches(count + WARM_UP, 1))
    ]
    names = COLUMNS.replace(" ", "").split(",")
    insert = (
        f"INSERT INTO plain_events ({COLUMNS}) VALUES ({', '.join(['%s'] * len(names))})"
        " ON CONFLICT DO NOTHING"
    )
    client, probe = Client(here), http.client.HTTPConnection(*here.web.address)
    with connect(here) as connection:

        def by_hand(row: tuple[Any, ...]) -> None:
            connection.execute(insert, row)
            connection.commit()

        runs: dict[str, Callable[[int], object]] = {
            "POST /api/v1/events": lambda n: client.post(here.keys[0], bodies[n]),
            "INSERT and COMMIT": lambda n: by_hand(rows[n]),
            "GET /healthz": lambda _: _asked(probe),
        }
        times = _interleaved(runs, count)
    bare = times["INSERT and COMMIT"]
    table = Table(
        "One event at a time, one connection, ms",
        ["", "min", "p50", "p95", "min ÷ INSERT and COMMIT", "p50 ÷ INSERT and COMMIT"],
    )
    for name, taken in times.items():
        table.add(
            name,
            *(f"{value:.2f}" for value in (min(taken), median(taken), quantiles(taken, n=20)[-1])),
            f"{min(taken) / min(bare):.2f}",
            f"{median(taken) / median(bare):.2f}",
        )
    return table


def _asked(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/healthz")
    connection.getresponse().read()


def _interleaved(runs: dict[str, Callable[[int], object]], count: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(count + WARM_UP):
        for name, run in runs.items():
            began = time.perf_counter()
            run(number)
            times[name].append((time.perf_counter() - began) * 1000)
    return {name: taken[WARM_UP:] for name, taken in times.items()}


# Inside a process


def _inside(here: Place, source: Source, count: int) -> list[Table]:
    app = create_app(here.settings)
    logging.getLogger().handlers[0].setLevel(logging.WARNING)
    client = app.test_client()
    bodies = [msgspec.json.encode(event) for [event] in source.batches(count + WARM_UP, 1)]
    for body in bodies[:WARM_UP]:
        _send(client, here.keys[0], body)
    with _stages(app) as stages:
        for body in bodies[WARM_UP:]:
            _send(client, here.keys[0], body)
    table = Table(
        "Where the time of one POST goes, in process, ms", ["stage", "min", "p50", "CPU p50"]
    )
    for name, taken in stages.items():
        walls, cpus = zip(*taken, strict=True)
        table.add(name, *(f"{value:.3f}" for value in (min(walls), median(walls), median(cpus))))
    return [table, _messages(here, client, source)]


def _send(client: FlaskClient, key: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    answer = client.post("/api/v1/events", data=body, headers=headers)
    if answer.status_code != 201:
        raise SystemExit(f"{answer.status_code} {answer.text[:300]}")


Stages = dict[str, list[tuple[float, float]]]


@contextmanager
def _stages(app: Flask) -> Iterator[Stages]:
    """Time these functions while the block runs; wall and CPU, in ms."""
    times: Stages = {}
    timed: list[tuple[Any, str, str]] = [
        (app, "wsgi_app", "all of it"),
        (app, "preprocess_request", "before the view: key and rate limit"),
        (ingest_views, "_parsed", "body parsed and checked"),
        (keeping, "append", "append and COMMIT"),
        (appending, "store", "of it encoding, PostgreSQL"),
        (app, "process_response", "headers, log line"),
        (app, "do_teardown_appcontext", "teardown"),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in timed]
    for owner, name, title in timed:
        setattr(owner, name, _timed(getattr(owner, name), times.setdefault(title, [])))
    try:
        yield times
    finally:
        for owner, name, run in before:
            setattr(owner, name, run)


def _timed(run: Callable[..., Any], times: list[tuple[float, float]]) -> Callable[..., Any]:
    @functools.wraps(run)
    def timed(*given: Any, **named: Any) -> Any:
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            return run(*given, **named)
        finally:
            times.append(((time.perf_counter() - wall) * 1000, (time.thread_time() - cpu) * 1000))

    return timed


def _messages(here: Place, client: FlaskClient, source: Source) -> Table:
    """List the statements of one POST, as PostgreSQL logs them."""
    log = Path(here.settings.data_dir) / "postgres" / "server.log"
    [[event]] = source.batches(1, 1)
    with superuser(here.settings) as connection:
        connection.execute("ALTER SYSTEM SET log_statement = 'all'")
        connection.execute("ALTER SYSTEM SET log_line_prefix = '%a|'")
        connection.execute("SELECT pg_reload_conf()")
        while connection.execute("SHOW log_statement").fetchone() != ("all",):
            pass
        begins = log.stat().st_size
        _send(client, here.keys[0], msgspec.json.encode(event))
        connection.execute("ALTER SYSTEM RESET log_statement")
        connection.execute("SELECT pg_reload_conf()")
    told = log.read_text(errors="replace")[begins:]
    table = Table("What one POST says to PostgreSQL", ["message"])
    for line in told.splitlines():
        if line.startswith("auditsaas|LOG:"):
            table.add(" ".join(line.partition("LOG:")[2].split())[:100].replace("|", "\\|"))
    return table


if __name__ == "__main__":
    for shown in measure():
        print(shown)
