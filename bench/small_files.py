"""A small file from the click to its last byte, beside the same through a worker and bare COPY.

In this process, from the WSGI call on. Through a worker stands for what is worked only: asked,
built and downloaded; what the message waits for, and the page that then tells of it, come on top.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from html import unescape
from statistics import median
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID

import psycopg
from sqlalchemy import make_url

from auditsaas.db.ids import first_id_at
from auditsaas.exports.asking import at_once
from auditsaas.exports.building.build import export_job
from auditsaas.jobs.runner import run
from auditsaas.storage.address import storage_at
from bench.csv_export import COLUMNS
from bench.dataset import Dataset, signed_in
from bench.pages import FRAGMENT_HEADERS
from bench.scopes import bound_to_biggest
from bench.tables import Table, ms
from tests.support.exporting import row_of
from tests.support.factories import csrf_token

RUNS: Final = 9
ROWS: Final = (100, 1_000, 10_000)


def measure(dataset: Dataset) -> Iterator[Table]:
    client = signed_in(dataset)
    yield _files(dataset, client)
    yield _polls(dataset, client)


def _files(dataset: Dataset, client: Any) -> Table:
    table = Table(
        "Small files, ms from the click to the last byte (medians)",
        ["format", "rows", "MB", "at once", "through a worker", "bare COPY", "ratio"],
    )
    end = datetime.now(UTC).isoformat()  # asking for files is itself recorded, later than this
    with _bare(dataset) as connection:
        for rows in ROWS:
            start = _start(connection, dataset.big, rows, end)
            for format in ("csv", "jsonl"):
                form = {"format": format, "from": start, "to": end}
                form["csrf_token"] = csrf_token(client)
                now, later, bare = [], [], []
                for _ in range(RUNS):  # in turn, so that what else the machine does strikes all
                    now.append(_timed(partial(_post, client, form)))
                    later.append(_timed(partial(_through_worker, dataset, client, form)))
                    bare.append(_timed(partial(_copy, connection, dataset.big, start, end)))
                size, least = len(_post(client, form)), median(bare)
                table.add(
                    format,
                    f"{rows:,}",
                    f"{size / 1e6:.2f}",
                    ms(median(now)),
                    ms(median(later)),
                    ms(least),
                    f"{median(now) / least:.1f}",
                )
    return table


def _polls(dataset: Dataset, client: Any) -> Table:
    """What a page costs each second that follows the exports it shows."""
    table = Table("Following exports, ms a second (medians)", ["exports under way", "nothing new"])
    for number in (1, 20):
        ids = [_queued(client) for _ in range(number)]
        page = client.get("/w/big/exports").text
        found = re.search(r'hx-get="([^"]+/progress[^"]+)"', page)
        assert found
        url = unescape(found[1])
        taken = [_timed(partial(_poll, client, url)) for _ in range(RUNS)]
        table.add(f"{number}", ms(median(taken)))
        for export_id in ids:
            fields = {"csrf_token": csrf_token(client)}
            client.post(f"/w/big/exports/{export_id}/cancel", data=fields)
    return table


def _poll(client: Any, url: str) -> None:
    assert client.get(url, headers=FRAGMENT_HEADERS).status_code == 204


def _queued(client: Any) -> str:
    form = {"format": "parquet", "status": "error", "csrf_token": csrf_token(client)}
    assert client.post("/w/big/exports", data=form).status_code == 303
    page: str = client.get("/w/big/exports").text
    return page.partition('data-export-id="')[2].partition('"')[0]


def _post(client: Any, form: dict[str, str]) -> bytes:
    answer = client.post("/w/big/exports", data=form)
    assert answer.status_code == 200, answer.status
    body: bytes = answer.data
    return body


def _through_worker(dataset: Dataset, client: Any, form: dict[str, str]) -> bytes:
    with patch.object(at_once, "ROWS", -1):
        assert client.post("/w/big/exports", data=form).status_code == 303
    page = client.get("/w/big/exports").text
    export_id = UUID(page.partition('data-export-id="')[2].partition('"')[0])
    with dataset.app.app_context():
        run(export_job(storage_at(dataset.settings.storage_url)), export_id)
    assert row_of(dataset.app, export_id).state == "ready"
    body: bytes = client.get(f"/w/big/exports/{export_id}/download").data
    return body


def _bare(dataset: Dataset) -> psycopg.Connection[Any]:
    url = make_url(dataset.settings.database_url).set(drivername="postgresql")
    connection = psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)
    connection.execute(bound_to_biggest(dataset))
    return connection


def _start(connection: psycopg.Connection[Any], big: UUID, rows: int, end: str) -> str:
    """Return the time since which there are so many events."""
    found = connection.execute(
        "SELECT occurred_at FROM events WHERE workspace_id = %s AND occurred_at < %s"
        " ORDER BY id DESC OFFSET %s LIMIT 1",
        (big, end, rows - 1),
    ).fetchone()
    assert found is not None
    start: str = found[0].isoformat()
    return start


def _copy(connection: psycopg.Connection[Any], big: UUID, start: str, end: str) -> int:
    query = (
        f"COPY (SELECT {' '.join(COLUMNS.split())} FROM events WHERE workspace_id = '{big}'"
        f" AND id >= '{_id(start)}' AND id < '{_id(end)}' ORDER BY id DESC) TO STDOUT CSV"
    )
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        return sum(len(part) for part in copy)


def _id(moment: str) -> UUID:
    return first_id_at(datetime.fromisoformat(moment))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
