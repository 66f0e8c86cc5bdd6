"""A web server whose PostgreSQL is frozen while requests are in flight."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

import pytest
from sqlalchemy import select

from auditsaas.app import WEB_STATEMENT_TIMEOUT_MS
from auditsaas.db.deadlines import beyond
from auditsaas.events.models import events
from auditsaas.workspaces.models import Workspace
from bench.faults.installation import Installation, installation
from tests.support.engines import frozen, in_flight, postgres_processes
from tests.support.factories import event_input, make_api_key, make_workspace, scoped
from tests.support.serving import WebProcess
from tests.support.workers import eventually

SENDERS = 24
DEADLINE = (beyond(WEB_STATEMENT_TIMEOUT_MS) or 0) + 3
PAUSE = threading.Event()
UNAIDED = "/api/v1/openapi.json"
"""An address that needs no database, and has no thread of its own."""


@dataclass(frozen=True)
class Answer:
    """What a request was answered, and after how long."""

    status: int
    text: str
    seconds: float
    retry_after: str | None = None


def ask(
    url: str,
    *,
    key: str = "",
    body: object = None,
    timeout: float = 60,
    cookie: str = "",
) -> Answer:
    headers = {"Content-Type": "application/json", "Connection": "close"}
    headers |= {"Authorization": f"Bearer {key}"} if key else {}
    headers |= {"Cookie": cookie} if cookie else {}
    data = json.dumps(body).encode() if body is not None else None
    asked = urllib.request.Request(url, data, headers)  # noqa: S310  # loopback
    began = time.monotonic()
    try:
        with urllib.request.urlopen(asked, timeout=timeout) as answer:  # noqa: S310
            return Answer(answer.status, answer.read().decode(), time.monotonic() - began)
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        return Answer(error.code, text, time.monotonic() - began, error.headers.get("Retry-After"))
    except OSError:
        return Answer(0, "", time.monotonic() - began)


@pytest.fixture
def made() -> Iterator[Installation]:
    with installation() as found:
        yield found


@pytest.fixture
def web(made: Installation) -> Iterator[WebProcess]:
    found = WebProcess(made.settings, made.folder / "web.log")
    found.start()
    yield found
    found.kill()


class Visitors:
    """Send events and open a page of the database in turn, and keep all answers."""

    def __init__(self, web: WebProcess, workspace: Workspace) -> None:
        self._web, self._key, self._turn = web, make_api_key(workspace), count()
        self.sent: list[Answer] = []
        self.pages: list[Answer] = []

    def act(self) -> None:
        if next(self._turn) % 2:
            self.pages.append(ask(f"{self._web.url}/invitations/{'x' * 43}"))
        else:
            url = f"{self._web.url}/api/v1/events"
            self.sent.append(ask(url, key=self._key, body=event_input()))

    @property
    def failed(self) -> int:
        return sum(answer.status == 503 for answer in (*self.sent, *self.pages))

    def acknowledged(self) -> set[str]:
        return {id for answer in self.sent if answer.status == 201 for id in ids(answer)}


def ids(answer: Answer) -> list[str]:
    found: list[str] = json.loads(answer.text)["ids"]
    return found


def stored(workspace: Workspace) -> set[str]:
    with scoped(workspace.id) as session:
        return {str(id) for id in session.scalars(select(events.c.id))}


def probe(web: WebProcess, visitors: Visitors) -> dict[str, list[Answer]]:
    """Ask both probes, and a page that needs no database, until requests have met their end."""
    found: dict[str, list[Answer]] = {"/healthz": [], "/readyz": [], UNAIDED: []}
    until = time.monotonic() + DEADLINE

    def repeat(path: str) -> None:
        timeout = 1 if path == UNAIDED else 30
        while time.monotonic() < until:
            found[path].append(ask(web.url + path, timeout=timeout, cookie="session=" + "y" * 43))
            PAUSE.wait(0.2)

    with ThreadPoolExecutor(len(found)) as pool:
        list(pool.map(repeat, found))
    assert visitors.failed >= SENDERS
    return found


def test_frozen_postgresql_leaves_probes_answered_and_fails_requests_in_words(
    made: Installation, web: WebProcess
) -> None:
    workspace = make_workspace()
    visitors = Visitors(web, workspace)
    with in_flight(SENDERS, visitors.act):
        eventually(lambda: len(visitors.sent) > SENDERS, "events that are sent")
        with frozen(postgres_processes(made.folder)):
            probes = probe(web, visitors)
        eventually(lambda: ask(f"{web.url}/readyz").status == 200, "a web server that is ready")
        before = len(visitors.acknowledged())
        eventually(lambda: len(visitors.acknowledged()) > before, "events that are taken again")

    assert {answer.status for answer in probes["/healthz"]} == {200}
    assert max(answer.seconds for answer in probes["/healthz"]) < 1
    assert {answer.status for answer in probes["/readyz"]} == {503}
    assert max(answer.seconds for answer in probes["/readyz"]) < 3
    # The control: without threads of their own the probes would have waited like this.
    assert 0 in {answer.status for answer in probes[UNAIDED]}
    assert {answer.status for answer in visitors.sent} == {201, 503}
    assert {answer.status for answer in visitors.pages} == {404, 503}
    refused = [answer for answer in (*visitors.sent, *visitors.pages) if answer.status == 503]
    assert all("The database does not answer" in answer.text for answer in refused)
    assert all(answer.retry_after for answer in refused)
    assert max(answer.seconds for answer in refused) < DEADLINE + 3
    assert visitors.acknowledged() <= stored(workspace)
