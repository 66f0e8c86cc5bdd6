"""Probes of a web server whose threads are all taken by callers who do not finish asking."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from config.lanes import LANES
from tests.support import plain_web as plain
from tests.support.plain_web import plain_web
from tests.support.serving import WebProcess

THREADS = 16
PROBES = [path.decode() for path in LANES]


@contextmanager
def callers(web: WebProcess, said: str) -> Iterator[None]:
    """Three callers for each thread of the web server, who say so much and wait."""
    with ExitStack() as stack:
        for _ in range(3 * THREADS):
            caller = stack.enter_context(socket.create_connection(web.address))
            caller.sendall(said.encode())
        yield


def first_line(web: WebProcess, path: str, seconds: float) -> str:
    """How the answer begins, or '' where there is none in time."""
    with socket.create_connection(web.address, seconds) as caller:
        caller.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        try:
            return caller.recv(64).decode().partition("\r\n")[0]
        except TimeoutError:
            return ""


@pytest.mark.parametrize("path", PROBES)
@pytest.mark.parametrize(
    "said",
    [
        "POST /login HTTP/1.1\r\nHost:",
        "GET /healthz HTTP/1.1\r\nHost:",
        "GET /readyz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
    ],
    ids=["half a request", "half a probe", "a probe with a body to come"],
)
def test_probe_is_answered_while_callers_hold_every_thread(
    web: WebProcess, said: str, path: str
) -> None:
    with callers(web, said):
        began = time.monotonic()
        assert first_line(web, path, 3) == "HTTP/1.1 200 OK"
        assert time.monotonic() - began < 1


def test_callers_who_ask_for_half_hold_every_thread_without_lanes() -> None:
    """The control: gunicorn alone leaves a probe waiting like this."""
    with plain_web() as address, ExitStack() as stack:
        for _ in range(2 * plain.THREADS):
            caller = stack.enter_context(socket.create_connection(address))
            caller.sendall(b"POST /login HTTP/1.1\r\nHost:")
        with socket.create_connection(address, 1) as caller:
            caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with pytest.raises(TimeoutError):
                caller.recv(64)


def test_callers_who_say_nothing_hold_no_thread(web: WebProcess) -> None:
    with callers(web, ""):
        assert first_line(web, "/api/v1/openapi.json", 3) == "HTTP/1.1 200 OK"
