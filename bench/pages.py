"""The table fragment as served, first page and deep, beside the bare SQL of the same rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import psycopg
from sqlalchemy import make_url

from auditsaas.ids import first_id_at
from bench.dataset import Dataset, signed_in
from bench.tables import Table, ms

RUNS = 31
YEAR_START = datetime(2026, 1, 1, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
FRAGMENT_HEADERS = {"HX-Request": "true", "HX-Request-Type": "partial"}


@dataclass(frozen=True)
class Case:
    name: str
    args: list[tuple[str, str]]
    where: str
    """The same filter as SQL over ``events``."""


def measure(dataset: Dataset, depth: int) -> Table:
    """Medians in ms of ``RUNS`` requests, in this process, from the WSGI call to the last byte."""
    client = signed_in(dataset)
    url = make_url(dataset.app.extensions["settings"].database_url)
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    table = Table(
        f"Table fragment, {dataset.in_big:,} events in the workspace, {dataset.events:,} in all",
        [
            "filter",
            "page 1, ms",
            "bare SQL",
            "ratio",
            f"{depth:,} deep, ms",
            "bare SQL",
            "deep/first",
        ],
    )
    with psycopg.connect(plain, autocommit=False) as connection:
        connection.execute(f"SET auditsaas.workspaces = '{{{dataset.big}}}'")
        edge = _edge(connection, dataset.big, depth)
        for case in cases(connection, dataset.big):
            first = _median(partial(_fragment, client, dataset, case, None))
            bare = _median(partial(_bare, connection, dataset.big, case, None))
            deep = _median(partial(_fragment, client, dataset, case, edge))
            bare_deep = _median(partial(_bare, connection, dataset.big, case, edge))
            table.add(
                case.name,
                ms(first),
                ms(bare),
                f"{first / bare:.1f} ×",
                ms(deep),
                ms(bare_deep),
                f"{deep / first:.2f} ×",
            )
    return table


def measure_counts(dataset: Dataset) -> Table:
    """Count, facets and histogram of a year together, medians in ms."""
    client = signed_in(dataset)
    table = Table(
        f"Counts of a year, {dataset.in_big:,} events in the workspace",
        ["filter", "count", "facets", "histogram", "together, ms"],
    )
    year = [("from", f"{datetime.now(UTC) - timedelta(days=365):%Y-%m-%d}")]
    for name, args in (
        ("none", []),
        ("status=error", [("status", "error")]),
        ("method=DELETE", [("method", "DELETE")]),
        ("platform=iOS", [("platform", "iOS")]),
        ("min_ms=3000", [("min_ms", "3000")]),
        ("q=tariff", [("q", "tariff")]),
    ):
        query = urlencode([*args, *year])
        parts = [
            _median(partial(_part, client, f"/w/{dataset.big_slug}/audit-logs/{part}?{query}"), 9)
            for part in ("count", "facets", "histogram")
        ]
        table.add(name, *map(ms, parts), ms(sum(parts)))
    return table


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
        " ORDER BY id DESC LIMIT 20000) AS newest GROUP BY ip ORDER BY count(*) LIMIT 1"
    )
    quoted = ", ".join(f"'{name}'" for name in rare)
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
            [("from", "2026-01-01"), ("to", "2026-10-31")],
            f"id >= '{first_id_at(YEAR_START)}' AND id < '{first_id_at(NOVEMBER)}'",
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


def _fragment(client: Any, dataset: Dataset, case: Case, edge: UUID | None) -> None:
    args = [*case.args, *([("before", str(edge))] if edge else [])]
    answer = client.get(
        f"/w/{dataset.big_slug}/audit-logs?{urlencode(args)}", headers=FRAGMENT_HEADERS
    )
    if answer.status_code != 200:
        raise SystemExit(f"{case.name}: {answer.status_code} {answer.text[:300]}")


def _bare(
    connection: psycopg.Connection[Any], workspace: UUID, case: Case, edge: UUID | None
) -> None:
    before = "AND id < %(edge)s" if edge else ""
    connection.execute(
        "SELECT id, occurred_at, activity, status, actor_name, actor_email, method, status_code,"
        " ip, platform, browser, duration_ms, targets FROM events"
        f" WHERE workspace_id = %(w)s AND {case.where} {before} ORDER BY id DESC LIMIT 51",
        {"w": workspace, "edge": edge},
    ).fetchall()


def _median(run: Callable[[], None], runs: int = RUNS) -> float:
    """The median of the runs in ms, after three that do not count."""
    times = []
    for index in range(runs + 3):
        started = time.perf_counter()
        run()
        if index >= 3:
            times.append((time.perf_counter() - started) * 1000)
    return median(times)
