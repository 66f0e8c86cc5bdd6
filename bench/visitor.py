"""``python -m bench.visitor FOLDER SESSION``: asks a tree's own application, line by line of JSON.

It is run in the working tree of a commit, on a dataset that another process has made ready, so that
two commits answer the same by the same server in turn. ``{"url", "headers", "times"}`` is answered
with ``[[wall ms, CPU ms], …]`` of so many requests; without ``times`` with the kinds of messages
that one request sent to PostgreSQL.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psycopg.pq import Trace
from sqlalchemy import event

from auditsaas.app import create_app
from auditsaas.extensions import db
from bench import dataset

WARM_UP = 12
"""Requests after which statements are prepared and templates compiled."""


class Visitor:
    """A browser that is signed in."""

    def __init__(self, folder: Path, session_id: str) -> None:
        self._app = create_app(dataset.settings_of(folder))
        logging.getLogger("auditsaas").setLevel(logging.WARNING)
        self._client = self._app.test_client()
        self._client.set_cookie(self._app.config["SESSION_COOKIE_NAME"], session_id)

    def timed(self, url: str, headers: dict[str, str], times: int) -> list[tuple[float, float]]:
        return [self._timed(url, headers) for _ in range(times)]

    def _timed(self, url: str, headers: dict[str, str]) -> tuple[float, float]:
        wall, processor = time.perf_counter(), time.thread_time()
        self._ask(url, headers)
        return (time.perf_counter() - wall) * 1000, (time.thread_time() - processor) * 1000

    def messages(self, url: str, headers: dict[str, str]) -> list[str]:
        """Return the kinds of the messages of one request, by libpq's own trace."""
        connections: list[Any] = []
        with self._fresh_pools(connections):
            for _ in range(WARM_UP):
                self._ask(url, headers)
        with tempfile.TemporaryFile() as file:
            for connection in connections:
                connection.pgconn.trace(file.fileno())
                connection.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
            self._ask(url, headers)
            for connection in connections:
                connection.pgconn.untrace()
            file.seek(0)
            lines = file.read().decode(errors="replace").splitlines()
        return [line.split("\t")[2] for line in lines if line.startswith("F\t")]

    @contextmanager
    def _fresh_pools(self, connections: list[Any]) -> Iterator[None]:
        with self._app.app_context():
            engines = list(db.engines.values())

        def note(connection: Any, _record: Any) -> None:
            connections.append(connection)

        for engine in engines:
            engine.dispose()
            event.listen(engine, "connect", note)
        yield
        for engine in engines:
            event.remove(engine, "connect", note)

    def _ask(self, url: str, headers: dict[str, str]) -> None:
        answer = self._client.get(url, headers=headers)
        if answer.status_code not in (200, 204):
            raise SystemExit(f"{url}: {answer.status_code}")


def main() -> None:
    visitor = Visitor(Path(sys.argv[1]), sys.argv[2])
    for line in sys.stdin:
        asked = json.loads(line)
        found = visitor.timed(**asked) if "times" in asked else visitor.messages(**asked)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
