"""``python -m bench.bad_input``: bad requests by family, counted by what was answered.

After each the log must have grown by what the answer says was accepted, and by nothing else: its
sequence, its events and its hourly counts are compared. The last family goes over a socket, for no
client library sends such bytes.
"""

from __future__ import annotations

import gzip
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from auditsaas.app import create_app
from auditsaas.cli_session import workspace_called
from auditsaas.workspaces.models import Workspace
from bench.installation import Opened, installation, open_workspaces
from bench.tables import Table
from config.settings import Settings
from tests.support import factories, hostile
from tests.support.factories import event_input
from tests.support.hostile import Raw, encoded
from tests.support.log_state import in_log
from tests.support.raw_http import BROKEN, head, sent
from tests.support.serving import WebProcess

TEXTS = ["activity", "path", "method", "user_agent", "request_id", "idempotency_key", "ip"]
WRONG_TYPES: list[Any] = [None, True, 1, 1.5, "x", [], {}, [[]], {"id": {}}]
OCCURRED = "2026-11-16T10:00:00Z"


@dataclass(frozen=True)
class Request:
    body: bytes
    kind: str = "application/json"
    packing: str = ""
    key: Callable[[str], str] = str


@dataclass
class Seen:
    answers: Counter[int] = field(default_factory=Counter)
    half_stored: int = 0

    def cells(self) -> Iterator[str]:
        counts = self.answers
        yield f"{sum(counts.values()):,}"
        yield f"{counts[200] + counts[201]:,}"
        yield f"{sum(n for status, n in counts.items() if 400 <= status < 500):,}"
        yield f"{counts[0]:,}"
        yield f"{sum(n for status, n in counts.items() if status >= 500):,}"
        yield f"{self.half_stored:,}"


def _events(name: str, values: list[Any]) -> Iterator[Request]:
    """Each value in a field of an event, which goes alone and beside a good one."""
    for value in values:
        event = event_input(occurred_at=OCCURRED) | {name: value}
        yield Request(encoded(event))
        yield Request(encoded({"events": [event, event_input()]}))
        yield Request(encoded(event) + b"\n" + encoded(event_input()), "application/x-ndjson")


def _in_fields(names: list[str], values: list[Any]) -> Iterator[Request]:
    for name in names:
        yield from _events(name, values)


def _in_documents(values: list[Any]) -> Iterator[Request]:
    for name in ("metadata", "changes", "actor", "targets"):
        yield from _events(name, values)
    yield from _events("actor", [{"id": value, "name": value} for value in values])
    yield from _events("metadata", [{"a": value} for value in values])


def _wrong_types() -> Iterator[Request]:
    yield from _in_fields([name for name in hostile.FIELDS if name], WRONG_TYPES)
    for whole in (*WRONG_TYPES, {"events": 1}, {"events": [1]}, {"events": {}}, {"events": []}):
        yield Request(encoded(whole))


def _bad_utf8() -> Iterator[Request]:
    body = encoded(event_input())
    for at in range(0, len(body), 8):
        for broken in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"):
            yield Request(body[:at] + broken + body[at:])


def _cut() -> Iterator[Request]:
    body = encoded({"events": [event_input(), event_input()]})
    for at in range(0, len(body), 6):
        yield Request(body[:at])
    packed = gzip.compress(body)
    for at in range(0, len(packed), 6):
        yield Request(packed[:at], packing="gzip")


def _large() -> Iterator[Request]:
    for size in (5_000_001, 6_000_000):
        yield Request(b" " * size)
        yield Request(b'{"activity": "' + b"x" * size + b'"}')
    for size in (5_000_001, 50_000_000, 200_000_000):
        yield Request(gzip.compress(b" " * size), packing="gzip")
        yield Request(gzip.compress(b"\n" * size), "application/x-ndjson", "gzip")
    yield Request(encoded({"events": [event_input()] * 1001}))
    yield Request(encoded(event_input()) * 1001, "application/x-ndjson")
    yield Request((encoded(event_input()) + b"\n") * 1001, "application/x-ndjson")


def _kinds_and_codings() -> Iterator[Request]:
    body = encoded(event_input())
    for kind in hostile.KINDS:
        for packing, pack in hostile.PACKINGS.items():
            yield Request(pack(body), kind, packing)


def _same_key() -> Iterator[Request]:
    for number in range(50):
        event = event_input(idempotency_key="k", occurred_at=OCCURRED, path=f"/{number}")
        yield Request(encoded(event))


def _wrong_keys() -> Iterator[Request]:
    body = encoded(event_input())
    for count in range(1, 50):
        yield Request(body, key=partial(hostile.with_another_end, length=count))
        yield Request(body, key=itemgetter(slice(-count)))


FAMILIES: dict[str, Callable[[], Iterator[Request]]] = {
    "NUL, surrogates, controls, too long": lambda: _in_fields(TEXTS, hostile.HOSTILE_TEXTS),
    "the same in actor, targets, changes, metadata": lambda: _in_documents(hostile.HOSTILE_TEXTS),
    "NaN, Infinity, 1e400, 5,000 digits": lambda: _in_fields(
        ["status_code", "duration_ms", "occurred_at", "path"], hostile.HOSTILE_NUMBERS
    ),
    "the same inside documents": lambda: _in_documents(hostile.HOSTILE_NUMBERS),
    "year 0 and 294277, leap seconds, no zone": lambda: _events(
        "occurred_at", hostile.HOSTILE_TIMES
    ),
    "depth 100,000, 10,000 keys, duplicate keys": lambda: _in_documents(
        [value for value in hostile.HOSTILE_DOCUMENTS if isinstance(value, Raw)]
    ),
    "wrong types": _wrong_types,
    "bad UTF-8": _bad_utf8,
    "cut JSON, cut gzip": _cut,
    "oversize, gzip bombs": _large,
    "content types and codings": _kinds_and_codings,
    "the same key with another body": _same_key,
    "a key's prefix with a wrong secret": _wrong_keys,
}


class Caller:
    """Sends to a workspace that nobody else writes to, and looks at its log after each answer."""

    def __init__(self, client: FlaskClient, opened: Opened, workspace: Workspace) -> None:
        self._client, self._opened, self._workspace = client, opened, workspace
        self._accepted = 0

    def send(self, family: Iterator[Request]) -> Seen:
        seen = Seen()
        for request in family:
            answer = self._client.post(
                "/api/v1/events",
                data=request.body,
                headers={
                    "Authorization": f"Bearer {request.key(self._opened.key)}",
                    "Content-Type": request.kind,
                    "Content-Encoding": request.packing,
                },
            )
            told = (answer.json or {}) if answer.is_json else {}
            # What is in conflict is told by an event of its own.
            added = told.get("accepted", 0) + bool(told.get("conflicts"))
            self._look(seen, answer.status_code, added)
        return seen

    def send_broken(self, web: WebProcess) -> Seen:
        """Bodies that end early, and chunks that make no sense; 0 where the server only hung up."""
        seen = Seen()
        for _, lines, body in BROKEN:
            status, _answer = sent(web, head(self._opened.key, *lines) + body, cut=True)
            self._look(seen, status or 0, 0)
        return seen

    def _look(self, seen: Seen, status: int, accepted: int) -> None:
        seen.answers[status] += 1
        self._accepted += accepted
        now = in_log(self._workspace)
        if now != (self._accepted,) * 3:
            seen.half_stored += 1
            self._accepted = now[0]


def measure() -> Table:
    table = Table(
        "Bad requests, by family",
        ["family", "cases", "stored or known", "refused", "hung up", "5xx", "half stored"],
    )
    logging.disable(logging.CRITICAL)
    with installation("bad-input") as settings:
        caller = _caller(settings)
        for name, family in FAMILIES.items():
            table.add(name, *caller.send(family()).cells())
        web = WebProcess(settings, settings.data_dir / "web.log")
        web.start()
        try:
            table.add("broken lengths and chunks, on a socket", *caller.send_broken(web).cells())
        finally:
            web.stop()
    logging.disable(logging.NOTSET)
    return table


def _caller(settings: Settings) -> Caller:
    [opened] = open_workspaces(settings)
    engine = create_engine(settings.database_url, connect_args={"options": "-c timezone=UTC"})
    factories.Sessions.configure(bind=engine)
    with Session(engine, expire_on_commit=False) as session:
        workspace = workspace_called(session, opened.slug)
    return Caller(create_app(settings).test_client(), opened, workspace)


if __name__ == "__main__":
    print(measure())
