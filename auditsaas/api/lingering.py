"""Lets a sender read its refusal though it has not finished sending (RFC 9112, section 9.6).

A server that answers and closes while bytes are still on their way resets the connection, and the
sender loses the answer: it sees a broken pipe instead of a 413. So the answer goes out first, the
sending side is shut, and what still comes is thrown away for a while.
"""

from __future__ import annotations

import contextlib
import socket
from time import monotonic

from flask import Response, g, request

MAX_BYTES = 64_000_000
IDLE_SECONDS = 1.0
KNOWN_SECONDS, UNKNOWN_SECONDS = 10.0, 2.0
"""The longest time, with a live key and without one: meanwhile a thread is taken."""

_PART = 65_536


def note_body_read() -> None:
    g.body_read = True


def linger(response: Response) -> Response:
    """Close the connection gently after an answer to a request whose body was not read."""
    connection = request.environ.get("gunicorn.socket")
    announced = request.content_length or "Transfer-Encoding" in request.headers
    if connection is None or not announced or g.get("body_read"):
        return response
    seconds = KNOWN_SECONDS if response.status_code == 413 else UNKNOWN_SECONDS
    response.call_on_close(lambda: _drain(connection, monotonic() + seconds))
    return response


def _drain(connection: socket.socket, until: float) -> None:
    with contextlib.suppress(OSError):
        # An application cannot tell gunicorn to close; the sender's end and gunicorn see it so.
        connection.shutdown(socket.SHUT_WR)
        thrown_away = 0
        while thrown_away < MAX_BYTES and (left := until - monotonic()) > 0:
            connection.settimeout(min(IDLE_SECONDS, left))
            part = connection.recv(_PART)
            if not part:
                return
            thrown_away += len(part)
