"""The examples, each run by its own server and sending to the real product."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row

from tests.support.serving import WebProcess, free_port
from tests.support.workers import ROOT, eventually

EXAMPLES = ROOT / "sdk" / "python" / "examples"
COMMANDS = {
    "flask": "gunicorn --bind 127.0.0.1:{port} flask_app:app",
    "django": "gunicorn --bind 127.0.0.1:{port} django_app:application",
    "fastapi": "uvicorn --port {port} fastapi_app:app",
}
REQUESTS = [
    ("GET", "/invoices/42", 200),
    ("POST", "/invoices/42", 200),
    ("GET", "/invoices/1001", 404),
    ("GET", "/nowhere", 404),
    ("GET", "/broken", 500),
]


@contextmanager
def serving(command: str, variables: dict[str, str]) -> Iterator[int]:
    """The port of an example's server, which is asked to end afterwards."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", *command.format(port=port).split()],
        cwd=EXAMPLES,
        env=os.environ | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: listens(port), "an example that listens")
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(port: int, method: str, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, headers={"X-Demo-User": "ann", "User-Agent": "curl/8"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


@pytest.mark.parametrize("framework", COMMANDS)
def test_an_example_records_its_requests(
    framework: str,
    product: WebProcess,
    key: str,
    tmp_path: Path,
    stored: Callable[[], list[Row[Any]]],
) -> None:
    variables = {
        "AUDITSAAS_URL": product.url,
        "AUDITSAAS_KEY": key,
        "AUDITSAAS_SPILL": str(tmp_path / "spill"),
    }
    with serving(COMMANDS[framework], variables) as port:
        for method, path, status in REQUESTS:
            assert ask(port, method, path) == status
    events = sorted(stored(), key=lambda event: event.occurred_at)
    assert [(e.method, e.path, e.status_code) for e in events] == REQUESTS
    assert [e.activity for e in events] == [
        "invoices.get",
        "invoice.update",
        "invoices.get",
        "http.get",
        "broken.get",
    ]
    assert [e.status for e in events] == ["success", "success", "error", "error", "error"]
    assert {e.actor_id for e in events} == {"ann"}
    assert {str(e.ip) for e in events} == {"127.0.0.1"}
    assert [target["id"] for target in events[1].targets] == ["42"]
