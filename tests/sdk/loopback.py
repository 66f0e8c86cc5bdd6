"""A server on loopback that answers as it is told, for what a real one does seldom."""

from __future__ import annotations

import gzip
import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any

Event = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    status: int
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


Rule = Callable[[list[Event]], Reply]


def stored(events: list[Event]) -> Reply:
    body = {"accepted": len(events), "duplicates": 0, "rejected": [], "ids": ["x"] * len(events)}
    return Reply(201, body)


class Loopback(ThreadingHTTPServer):
    """Answers by the next of ``script``, and then by ``rule``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script: deque[Rule] = deque()
        self.rule: Rule = stored
        self.batches: list[list[Event]] = []
        self.headers: list[dict[str, str]] = []
        self._arrived = Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def events(self) -> list[Event]:
        return [event for batch in self.batches for event in batch]

    def answer(self, events: list[Event], headers: dict[str, str]) -> Reply:
        with self._arrived:
            self.batches.append(events)
            self.headers.append(headers)
            self._arrived.notify_all()
        return (self.script.popleft() if self.script else self.rule)(events)

    def wait_for(self, batches: int) -> None:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.batches) >= batches, 30)


class _Handler(BaseHTTPRequestHandler):
    server: Loopback
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
        events = [json.loads(line) for line in body.split(b"\n") if line]
        reply = self.server.answer(events, dict(self.headers))
        content = json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def loopback() -> Iterator[Loopback]:
    with Loopback() as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()
