"""Pages of the log with their reading recorded and not, in turns."""

from __future__ import annotations

import time
from statistics import quantiles
from typing import Any

import psycopg
from sqlalchemy import make_url

from bench.dataset import Dataset, copied, signed_in
from bench.pages import FRAGMENT_HEADERS
from bench.tables import Table, ms

RUNS = 301
ASKED = {
    "the whole page": ("", {}),
    "table, no filter": ("", FRAGMENT_HEADERS),
    "table, status=error": ("?status=error", FRAGMENT_HEADERS),
    "count": ("/count", FRAGMENT_HEADERS),
    "live, nothing new": ("/tail?after={newest}", FRAGMENT_HEADERS),
}
TURNS = {"off": "off", "off again": "off", "hourly": "hourly", "every": "every"}
"""The second one that is off tells how much two equal ones differ."""


def measure(events: int, share: float) -> Table:
    """Measure ``RUNS`` requests of each kind, as served, each way of recording in its turn.

    The workspace's choice is changed before each request, which is not in its time.
    """
    table = Table(
        f"Pages with recorded reads, p50 and p95 in ms of {RUNS:,} each, by turns",
        ["asked for", *TURNS, "hourly / off, p50", "p95"],
        ["PostgreSQL waits for the disk as in production (fsync and synchronous_commit are on)"],
    )
    with copied(events, share, "reads") as dataset, _connected(dataset) as connection:
        client = signed_in(dataset)
        for name, (path, headers) in ASKED.items():
            url = f"/w/{dataset.big_slug}/audit-logs{path.format(newest=_newest(connection))}"
            times = _times(client, connection, url, headers)
            halves = {turn: _middle_and_high(taken) for turn, taken in times.items()}
            off, hourly = _together(halves["off"], halves["off again"]), halves["hourly"]
            table.add(
                name,
                *(f"{ms(middle)}, {ms(high)}" for middle, high in halves.values()),
                f"{hourly[0] / off[0]:.2f} ×",
                f"{hourly[1] / off[1]:.2f} ×",
            )
    return table


def _times(
    client: Any, connection: psycopg.Connection[Any], url: str, headers: dict[str, str]
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {turn: [] for turn in TURNS}
    for number in range(RUNS + 1):
        for turn, how in TURNS.items():
            connection.execute(
                "UPDATE workspaces SET read_recording = %s WHERE slug = 'big'", (how,)
            )
            started = time.perf_counter()
            answer = client.get(url, headers=headers)
            taken = (time.perf_counter() - started) * 1000
            if answer.status_code not in (200, 204):
                raise SystemExit(f"{url}: {answer.status_code}")
            if number:
                times[turn].append(taken)
    return times


def _middle_and_high(taken: list[float]) -> tuple[float, float]:
    cuts = quantiles(taken, n=20)
    return cuts[9], cuts[18]


def _together(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def _newest(connection: psycopg.Connection[Any]) -> str:
    """A live page's newest row; reads that are appended meanwhile are no news to it."""
    row = connection.execute(
        "SELECT e.id FROM events AS e JOIN workspaces AS w ON w.id = e.workspace_id"
        " WHERE w.slug = 'big' AND e.activity <> 'log.read' ORDER BY e.id DESC LIMIT 1"
    ).fetchone()
    if row is None:
        raise SystemExit("the log is empty")
    return str(row[0])


def _connected(dataset: Dataset) -> psycopg.Connection[Any]:
    url = make_url(dataset.settings.owner_url).set(drivername="postgresql")
    connection = psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)
    connection.execute(
        "SELECT set_config('auditsaas.workspaces', %s, false)", (f"{{{dataset.big}}}",)
    )
    return connection
