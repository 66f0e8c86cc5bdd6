"""The log page as served, from the WSGI call to the last byte, beside the bare SQL of the same.

``make bench ARGS="--events 5000000 --share 0.35 --depth 1000000 pages"`` makes the log that the
targets are given for: 1.75 million of 5 million events in one workspace.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import psycopg
from sqlalchemy import make_url

from auditsaas.db.ids import first_id_at
from bench.dataset import Dataset, signed_in
from bench.scopes import bound_to_biggest
from bench.tables import Table, ms

RUNS = 31
COUNT_RUNS = 9
BARE_COUNT_RUNS = 3
DAY = timedelta(days=1)
YEAR_DAYS, RANGE_DAYS = 365, (330, 25)
FRAGMENT_HEADERS = {"HX-Request": "true", "HX-Request-Type": "partial"}


@dataclass(frozen=True)
class Case:
    name: str
    args: list[tuple[str, str]]
    where: str
    """The same filter as SQL over ``events``."""

    hourly: bool = False
    """Whether what is counted beforehand can answer how many."""


def measure(dataset: Dataset, depth: int) -> Table:
    """Medians in ms of ``RUNS`` requests, in this process, from the WSGI call to the last byte."""
    client = client_of(dataset)
    table = Table(
        f"Table fragment, {dataset.in_big:,} events in the workspace, {dataset.events:,} in all",
        [
            "filter",
            "rows",
            "page 1, ms",
            "bare SQL",
            "ratio",
            f"{depth:,} deep, ms",
            "bare SQL",
            "deep/first",
        ],
    )
    with connected(dataset) as connection:
        edge = _edge(connection, dataset.big, depth)
        for case in cases(connection, dataset.big):
            first, bare, deep, bare_deep = medians(
                partial(_fragment, client, dataset, case, None),
                partial(ask_bare, connection, dataset.big, case, None),
                partial(_fragment, client, dataset, case, edge),
                partial(ask_bare, connection, dataset.big, case, edge),
            )
            table.add(
                case.name,
                f"{_rows(client, dataset, case, None)}, {_rows(client, dataset, case, edge)}",
                ms(first),
                ms(bare),
                f"{first / bare:.1f} ×",
                ms(deep),
                ms(bare_deep),
                f"{deep / first:.2f} ×",
            )
    return table


def measure_counts(dataset: Dataset) -> Table:
    """Count, facets and histogram of a year, medians in ms.

    The bare SQL asks the same three things: of the daily counts where those can answer, of the
    year's events otherwise. There the page looks at no more than the newest 100,000 that match.
    """
    client = client_of(dataset)
    table = Table(
        f"Counts of a year, {dataset.in_big:,} events in the workspace",
        ["filter", "from", "count", "facets", "histogram", "together, ms", "bare SQL"],
    )
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - YEAR_DAYS * DAY
    with connected(dataset) as connection:
        for case in count_cases(cases(connection, dataset.big)):
            query = urlencode([*case.args, ("from", f"{start:%Y-%m-%d}")])
            base = f"/w/{dataset.big_slug}/audit-logs"
            parts = medians(
                *(
                    partial(_part, client, f"{base}/{part}?{query}")
                    for part in ("count", "facets", "histogram")
                ),
                runs=COUNT_RUNS,
            )
            [bare] = medians(
                partial(_bare_counts, connection, dataset.big, case, start), runs=BARE_COUNT_RUNS
            )
            table.add(
                case.name,
                "daily counts" if case.hourly else "events",
                *map(ms, parts),
                ms(sum(parts)),
                ms(bare),
            )
    return table


def count_cases(known: Sequence[Case]) -> Iterator[Case]:
    """Filters that what is counted beforehand answers, then some that only the events can."""
    by_name = {case.name: case for case in known}
    for name in ("none", "status=error", "3 rare activities"):
        case = by_name[name]
        yield Case(case.name, case.args, case.where, hourly=True)
    yield Case("method=DELETE", [("method", "DELETE")], "method = 'DELETE'", hourly=True)
    yield by_name["actor + method"]
    yield by_name["one IP address"]
    yield Case("platform=iOS", [("platform", "iOS")], "platform = 'iOS'")
    yield Case("min_ms=3000", [("min_ms", "3000")], "duration_ms >= 3000")
    yield Case("q=tariff", [("q", "tariff")], f"strpos({TEXTS}, 'tariff') > 0")


TEXTS = """lower(concat_ws(E'\\n', activity, path, actor_id, actor_name, actor_email, host(ip),
    user_agent, request_id, targets::text, metadata::text))"""


def _bare_counts(
    connection: psycopg.Connection[Any], workspace: UUID, case: Case, start: datetime
) -> None:
    """How many, of which values, and when."""
    if case.hourly:
        source, number = "event_days", "coalesce(sum(n), 0)"
        where = f"workspace_id = %(w)s AND day >= %(start)s AND {case.where}"
        values: tuple[str, ...] = ("activity", "method", "status")
        week = "date_trunc('week', day)"
    else:
        source, number = "events", "count(*)"
        where = f"workspace_id = %(w)s AND id >= %(first)s AND {case.where}"
        values = ("activity", "method", "status", "actor_id", "platform")
        week = "date_trunc('week', occurred_at)"
    asked = {"w": workspace, "start": start, "first": first_id_at(start)}
    errors = "coalesce(sum(n) FILTER (WHERE status = 'error'), 0)"
    failed = errors if case.hourly else "count(*) FILTER (WHERE status = 'error')"
    sets = ", ".join(f"({value})" for value in values)
    by_value = f"{', '.join(values)}, {number} FROM {source} WHERE {where}"
    for sql in (
        f"SELECT {number}, {failed} FROM {source} WHERE {where}",
        f"SELECT {by_value} GROUP BY GROUPING SETS ({sets})",
        f"SELECT {week}, status, {number} FROM {source} WHERE {where} GROUP BY 1, 2",
    ):
        connection.execute(sql, asked).fetchall()


def client_of(dataset: Dataset) -> Any:
    """A signed-in client, without a line of log for each of its requests."""
    logging.getLogger("auditsaas").setLevel(logging.WARNING)
    return signed_in(dataset)


@contextmanager
def connected(dataset: Dataset) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the app's role that sees the biggest workspace."""
    url = make_url(dataset.app.extensions["settings"].database_url)
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=False) as connection:
        connection.execute(bound_to_biggest(dataset))
        yield connection


def _part(client: Any, url: str) -> None:
    answer = client.get(url, headers=FRAGMENT_HEADERS)
    if answer.status_code != 200:
        raise SystemExit(f"{url}: {answer.status_code}")


def cases(connection: psycopg.Connection[Any], workspace: UUID) -> list[Case]:
    def values(sql: str) -> list[str]:
        return [str(row[0]) for row in connection.execute(sql, {"w": workspace})]

    rare = values(
        "SELECT activity FROM event_counts WHERE workspace_id = %(w)s"
        " GROUP BY activity ORDER BY sum(n) LIMIT 3"
    )
    [actor] = values(
        "SELECT actor_id FROM (SELECT actor_id FROM events WHERE workspace_id = %(w)s"
        " ORDER BY id DESC LIMIT 20000) AS newest GROUP BY actor_id"
        " ORDER BY abs(count(*) - 200) LIMIT 1"
    )
    [ip] = values(
        "SELECT host(ip) FROM (SELECT ip FROM events WHERE workspace_id = %(w)s AND ip IS NOT NULL"
        " ORDER BY id DESC LIMIT 20000) AS newest GROUP BY ip ORDER BY abs(count(*) - 20) LIMIT 1"
    )
    quoted = ", ".join(f"'{name}'" for name in rare)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start, last = (today - days * DAY for days in RANGE_DAYS)
    return [
        Case("none", [], "true"),
        Case("status=error", [("status", "error")], "status = 'error'"),
        Case("1 rare activity", [("activity", rare[0])], f"activity = '{rare[0]}'"),
        Case("3 rare activities", [("activity", name) for name in rare], f"activity IN ({quoted})"),
        Case(
            "actor + method",
            [("user", actor), ("method", "POST")],
            f"actor_id = '{actor}' AND method = 'POST'",
        ),
        Case("one IP address", [("ip", ip)], f"ip = '{ip}'"),
        Case(
            "custom range",
            [("from", f"{start:%Y-%m-%d}"), ("to", f"{last:%Y-%m-%d}")],
            f"id >= '{first_id_at(start)}' AND id < '{first_id_at(last + DAY)}'",
        ),
    ]


def _edge(connection: psycopg.Connection[Any], workspace: UUID, depth: int) -> UUID:
    row = connection.execute(
        "SELECT id FROM events WHERE workspace_id = %s ORDER BY id DESC OFFSET %s LIMIT 1",
        (workspace, depth),
    ).fetchone()
    if row is None:
        raise SystemExit(f"the workspace has fewer than {depth:,} events")
    return UUID(str(row[0]))


def _rows(client: Any, dataset: Dataset, case: Case, edge: UUID | None) -> int:
    return int(_fragment(client, dataset, case, edge).count("data-event-id="))


def _fragment(client: Any, dataset: Dataset, case: Case, edge: UUID | None) -> str:
    args = [*case.args, *([("before", str(edge))] if edge else [])]
    answer = client.get(
        f"/w/{dataset.big_slug}/audit-logs?{urlencode(args)}", headers=FRAGMENT_HEADERS
    )
    if answer.status_code != 200:
        raise SystemExit(f"{case.name}: {answer.status_code} {answer.text[:300]}")
    return str(answer.text)


def ask_bare(
    connection: psycopg.Connection[Any], workspace: UUID, case: Case, edge: UUID | None
) -> None:
    before = "AND id < %(edge)s" if edge else ""
    connection.execute(
        "SELECT id, occurred_at, activity, status, actor_name, actor_email, method, status_code,"
        " ip, platform, browser, duration_ms, targets FROM events"
        f" WHERE workspace_id = %(w)s AND {case.where} {before} ORDER BY id DESC LIMIT 51",
        {"w": workspace, "edge": edge},
    ).fetchall()


def medians(*asked: Callable[[], object], runs: int = RUNS) -> list[float]:
    """The median of each one's runs in ms, after one that does not count.

    They take turns, so that what else the machine does falls on all of them alike.
    """
    times: list[list[float]] = [[] for _ in asked]
    for turn in range(runs + 1):
        for run, taken in zip(asked, times, strict=True):
            started = time.perf_counter()
            run()
            if turn:
                taken.append((time.perf_counter() - started) * 1000)
    return [median(taken) for taken in times]
