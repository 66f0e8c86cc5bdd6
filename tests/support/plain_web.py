"""Gunicorn's threads without lanes, for controls: answers 200 once it has read what was sent."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.serving import free_port
from tests.support.workers import ROOT, eventually

THREADS = 2


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", "0")])
    return []


@contextmanager
def plain_web() -> Iterator[tuple[str, int]]:
    """Start it; its address."""
    address = ("127.0.0.1", free_port())
    command = "-m gunicorn --worker-class gthread --no-control-socket --log-level error"
    options = f"--threads {THREADS} --bind {address[0]}:{address[1]} {__name__}:app"
    process = subprocess.Popen([sys.executable, *command.split(), *options.split()], cwd=ROOT)
    try:
        eventually(lambda: _listens(address), "a server that listens")
        yield address
    finally:
        process.kill()
        process.wait()


def _listens(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, 1):
            return True
    except OSError:
        return False
