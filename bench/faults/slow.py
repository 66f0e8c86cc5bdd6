"""Callers who send or read by the byte, and how long others wait meanwhile."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from auditsaas.workspaces.models import Workspace
from bench.faults.installation import installation
from bench.faults.site import LANES, Site, site
from bench.faults.verdict import Verdict
from tests.support import factories

CALLERS: Final = 24
ROUNDS, ASKED = 4, 50
"""Quiet and loaded rounds take turns, so that what else the machine does falls on both."""
SETTLED: Final = 20
"""After so many pages the crowd's own requests have been answered, and it only holds on."""
PATIENCE_SECONDS: Final = 3.0
MOST_RATIO: Final = 1.5
LARGE: Final = {"blob": "y" * 16_000}

Said = Callable[[Site, int], bytes]


def _half_said(found: Site, number: int) -> bytes:
    """Return the beginning of a request of one of four kinds."""
    first = "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n{}\r\n\r\n-"
    form = "Content-Type: application/x-www-form-urlencoded"
    file = "Content-Type: multipart/form-data; boundary=x"
    key = f"Content-Type: application/json\r\nAuthorization: Bearer {found.key}"
    kinds = (
        "GET /login HTTP/1.1\r\nHost: localhost\r\nX-A: ",
        first.format("/login", 1_000, form),
        first.format("/w/anything/imports/new", 400_000, file),
        first.format("/api/v1/events", 400_000, key),
    )
    return kinds[number % len(kinds)].encode()


def _read_slowly(found: Site, _number: int) -> bytes:
    """Return a request for some megabytes of events."""
    asked = "GET /api/v1/events?limit=300 HTTP/1.1\r\nHost: localhost"
    return f"{asked}\r\nAuthorization: Bearer {found.key}\r\n\r\n".encode()


@dataclass
class Crowd:
    """Slow callers; who is cut off comes back."""

    found: Site
    said: Said
    links: dict[int, socket.socket] = field(default_factory=dict)
    went_on: float = 0.0

    def go_on(self) -> None:
        """Send one byte more, and read a few, with each; once a second."""
        if time.monotonic() - self.went_on < 1:
            return
        self.went_on = time.monotonic()
        for number in range(CALLERS):
            try:
                self.links[number].send(b"a")
                with suppress(BlockingIOError):
                    if not self.links[number].recv(200):
                        raise ConnectionResetError
            except (KeyError, OSError):
                self.links[number] = self._begun(number)

    def leave(self) -> None:
        for link in self.links.values():
            link.close()
        self.links.clear()
        self.went_on = 0.0

    def _begun(self, number: int) -> socket.socket:
        if number in self.links:
            self.links[number].close()
        link = socket.socket()
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.connect(self.found.web.address)
        link.sendall(self.said(self.found, number))
        link.setblocking(False)
        return link


def _waited(found: Site, asked: int, crowd: Crowd | None) -> list[float]:
    waits = []
    for _ in range(asked):
        if crowd is not None:
            crowd.go_on()
        began = time.monotonic()
        with suppress(OSError), socket.create_connection(found.web.address) as caller:
            caller.settimeout(PATIENCE_SECONDS)
            caller.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            while caller.recv(65_536):
                pass
        waits.append(time.monotonic() - began)
    return waits


def _p95(waits: list[float]) -> float:
    return statistics.quantiles(waits, n=20)[-1]


def _measured(said: Said, *, careless: str = "") -> tuple[float, float]:
    """Return the 95th percentile of a page's seconds, quiet and beside the crowd."""
    rounds, asked = (1, 10) if careless else (ROUNDS, ASKED)
    quiet: list[float] = []
    loaded: list[float] = []
    with installation() as made, site(made, careless=careless) as found:
        _write_events(found)
        _waited(found, asked, None)  # warm
        crowd = Crowd(found, said)
        for _ in range(rounds):
            quiet += _waited(found, asked, None)
            if not careless:
                _waited(found, SETTLED, crowd)
            loaded += _waited(found, asked, crowd)
            crowd.leave()
    return _p95(quiet), _p95(loaded)


def _write_events(found: Site) -> None:
    with factories.scoped(found.workspace) as session:
        workspace = session.get_one(Workspace, found.workspace)
    for _ in range(3):
        factories.append_events(
            workspace, [factories.event_input(metadata=LARGE) for _ in range(100)]
        )


def _suffered(name: str, under: str, said: Said) -> Verdict:
    quiet, loaded = _measured(said)
    _, without = _measured(said, careless=LANES)
    return Verdict(
        name,
        under,
        f"p95 of a page {quiet * 1000:.0f} ms quiet, {loaded * 1000:.0f} ms beside them",
        "" if loaded <= MOST_RATIO * quiet else f"{loaded / quiet:.1f} times as slow",
        f"without lanes {without * 1000:,.0f} ms",
        loaded <= MOST_RATIO * quiet and without >= PATIENCE_SECONDS,
    )


def slow_bodies() -> Verdict:
    under = f"{CALLERS} senders by the byte: heads, forms, uploads, events"
    return _suffered("slow bodies", under, _half_said)


def slow_readers() -> Verdict:
    return _suffered("slow readers", f"{CALLERS} readers of megabytes by the byte", _read_slowly)
