"""Threads of a web worker that answer operators, and that no other request can occupy.

Gunicorn hands each connection to the next thread of one pool before it has read anything of it. So
eight requests that wait for a frozen database, or eight callers who send nothing, would leave no
thread for a probe, and an orchestrator would kill processes that are well. Here a connection waits
outside of the pool until something was sent, and what asks for an address of ``LANES``, whole and
without a body, has threads of its own. Same port, same application, same answer.
"""

from __future__ import annotations

import re
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from gunicorn.workers import gthread

LANES: Final = {b"/healthz": 1, b"/readyz": 2, b"/metrics": 1}
"""Addresses, and how many threads of each process answer nothing else."""

MOST_BYTES: Final = 8192
_ASKED: Final = re.compile(rb"(?:GET|HEAD) (/[a-z]+)(?:\?\S*)? HTTP/1\.[01]\r\n")
_BODY: Final = re.compile(rb"\r\n(?:content-length|transfer-encoding|expect):", re.IGNORECASE)


def keep_free(worker: Any) -> None:
    """Give a worker of gunicorn's ``gthread`` the lanes; called before it accepts anything."""
    lanes = {
        path: ThreadPoolExecutor(number, f"lane{path.decode()}") for path, number in LANES.items()
    }

    def enqueue(connection: Any) -> None:
        sent = _sent(connection.sock)
        if sent is None and not connection.initialized and not connection.data_ready:
            _wait_outside(worker, connection)
            return
        pool = lanes.get(_path(sent or b""), worker.tpool)
        answered = pool.submit(worker.handle, connection)
        answered.add_done_callback(
            lambda done: worker.method_queue.defer(worker.finish_request, connection, done)
        )

    worker.enqueue_req = enqueue


def _wait_outside(worker: Any, connection: Any) -> None:
    """Leave the connection to the worker's poller, as the worker does after a fruitless wait."""
    fruitless: Future[object] = Future()
    fruitless.set_result(gthread._DEFER)
    worker.finish_request(connection, fruitless)
    connection.timeout = time.monotonic() + gthread.DEFAULT_WORKER_DATA_TIMEOUT


def _sent(sock: socket.socket) -> bytes | None:
    """Return what has arrived, and leave it there; None where nothing has."""
    try:
        return sock.recv(MOST_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except (OSError, ValueError):  # closed, or wrapped in TLS, which cannot peek
        return b""


def _path(sent: bytes) -> bytes:
    """Return the address that a whole request without a body asks for; b'' for all others.

    One whose rest is still to come would hold the thread until it does.
    """
    asked = _ASKED.match(sent)
    whole = b"\r\n\r\n" in sent and not _BODY.search(sent)
    return asked[1] if asked and whole else b""
