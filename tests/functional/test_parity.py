"""A file holds what the screen shows: the pages, the count, the API and every format give the same
events in the same order, also while others append."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pypdf
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from auditsaas.events.reading import totals
from auditsaas.exports.formats import FORMATS
from auditsaas.workspaces.models import Workspace
from tests.support.cases import cases
from tests.support.exporting import ask, build_in, cells, ids_on_the_page, parsed_filter
from tests.support.factories import (
    append_events,
    event_input,
    make_api_key,
    make_member,
    make_workspace,
    scoped,
)

WRITERS = 2
MOST_BATCHES = 40
DAYS = 3
NOW = datetime.now(UTC)
LABEL = re.compile(r"\bn-\d{5}\b")

filters = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["success", "error"]),
        "activity": st.sampled_from(["user.login", "user.*", "invoice.update"]),
        "method": st.sampled_from([["GET"], ["POST", "PUT"]]),
        "ip": st.sampled_from(["203.0.113.1", "203.0.113.0/30"]),
        "min_ms": st.just("100"),
        "q": st.sampled_from(["-status:success", "meta.plan:pro", "user:u_1"]),
        "from": st.just((NOW - timedelta(days=2)).isoformat()),
        "to": st.just((NOW - timedelta(hours=12)).isoformat()),
    },
)


class Log:
    """A workspace into which events of any age are appended, each with a label of its own."""

    def __init__(self, chance: Random) -> None:
        self.workspace = make_workspace()
        self._chance = chance
        self._numbers = count(1)

    def append(self, number: int) -> None:
        append_events(self.workspace, [self._event() for _ in range(number)])

    @contextmanager
    def growing(self) -> Iterator[None]:
        """Writers append in turns with whatever is done meanwhile."""
        over = threading.Event()

        def write() -> None:
            for _ in range(MOST_BATCHES):
                if over.is_set():
                    return
                self.append(3)

        writers = [threading.Thread(target=write) for _ in range(WRITERS)]
        for writer in writers:
            writer.start()
        try:
            yield
        finally:
            over.set()
            for writer in writers:
                writer.join()

    def _event(self) -> dict[str, Any]:
        chance = self._chance
        # Whole seconds, so that many share an instant.
        age = timedelta(seconds=chance.randrange(DAYS * 86_400) // 600 * 600)
        return event_input(
            activity=chance.choice(["user.login", "user.logout", "invoice.update"]),
            status=chance.choice(["success", "error"]),
            actor={"id": f"u_{chance.randrange(3)}"},
            method=chance.choice(["GET", "POST", "PUT"]),
            ip=f"203.0.113.{chance.randrange(6)}",
            duration_ms=chance.choice([5, 100, 2_000]),
            metadata={"plan": chance.choice(["pro", "free"])},
            targets=[{"type": "check", "id": f"n-{next(self._numbers):05}"}],
            occurred_at=(NOW - age).isoformat(),
        )


def through_the_api(client: FlaskClient, workspace: Workspace, args: dict[str, Any]) -> list[Any]:
    headers = {"Authorization": f"Bearer {make_api_key(workspace)}"}
    found: list[Any] = []
    cursor = None
    while True:
        asked = {**args, "limit": 100} | ({"cursor": cursor} if cursor else {})
        answer = client.get("/api/v1/events", query_string=asked, headers=headers)
        assert answer.json is not None
        found += answer.json["data"]
        cursor = answer.json["next_cursor"]
        if cursor is None:
            return found


def ids_of_sheet(content: bytes) -> list[str]:
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    header, *rows = book["Events"].iter_rows(values_only=True)
    return [str(row[header.index("event_id")]) for row in rows]


READERS: dict[str, Callable[[bytes], list[str]]] = {
    "csv": lambda content: [row["event_id"] for row in cells(content)],
    "jsonl": lambda content: [json.loads(line)["id"] for line in content.splitlines()],
    "xlsx": ids_of_sheet,
    "parquet": lambda content: pq.read_table(io.BytesIO(content))["event_id"].to_pylist(),
    "pdf": lambda content: [
        label
        for page in pypdf.PdfReader(io.BytesIO(content)).pages
        for label in LABEL.findall(page.extract_text(extraction_mode="layout"))
    ],
}
"""The ids of a file's events in their order; a report has their labels instead."""


@given(filters, st.randoms(use_true_random=False))
@settings(
    max_examples=cases(2),
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # a smaller example tells nothing where others append meanwhile
)
def test_pages_count_api_and_every_format_agree_while_others_append(
    app: Flask,
    client: FlaskClient,
    tmp_path_factory: pytest.TempPathFactory,
    args: dict[str, Any],
    chance: Random,
) -> None:
    log, folder = Log(chance), tmp_path_factory.mktemp("files")
    person = make_member(log.workspace)
    event_filter = parsed_filter(args)
    log.append(60)
    with log.growing():
        asked = {
            format: ask(person, [log.workspace], event_filter, format=format) for format in FORMATS
        }
        log.append(30)  # whatever the writers come to meanwhile
        built = {format: build_in(app, key, folder) for format, key in asked.items()}

    shown = through_the_api(client, log.workspace, args)
    assert [event["id"] for event in shown] == ids_on_the_page([log.workspace], event_filter)
    with scoped(log.workspace.id) as session:
        counted = totals.count(session, [log.workspace.id], event_filter)
    assert (counted.total, counted.exact) == (len(shown), True)
    for format, export in built.items():
        last = export.snapshot[str(log.workspace.id)]
        expected = [event for event in shown if event["seq"] <= last]
        file: Path = folder / export.file_key
        assert READERS[format](file.read_bytes()) == list(names_in(format, expected))
        assert export.rows_done == len(expected)


def names_in(format: str, found: list[Any]) -> Iterator[str]:
    """Read the labels of a file's events; the product's own have none that a report could show."""
    for event in found:
        if format != "pdf":
            yield event["id"]
        elif LABEL.fullmatch(event["targets"][0]["id"]):
            yield event["targets"][0]["id"]
