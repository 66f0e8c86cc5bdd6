"""Requests as bytes on a socket, for what a client library would not send."""

from __future__ import annotations

import json
import socket
from typing import Any

from tests.support.factories import event_input
from tests.support.serving import WebProcess

EVENT = json.dumps(event_input()).encode()
PATIENCE_SECONDS = 20


def head(key: str, *lines: str) -> bytes:
    """A request up to its body."""
    fixed = [
        "POST /api/v1/events HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Authorization: Bearer {key}",
        "Connection: close",
    ]
    return "\r\n".join([*fixed, *lines, "", ""]).encode()


def sent(web: WebProcess, request: bytes, *, cut: bool = False) -> tuple[int | None, Any]:
    """The status and the body that the server answers; None where it only closes.

    ``cut`` says that nothing more will come, as a sender that dies does.
    """
    with socket.create_connection(web.address, PATIENCE_SECONDS) as connection:
        received = b""
        try:
            connection.sendall(request)
            if cut:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                received += part
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server did not want to hear more
    if not received:
        return None, None
    top, _, body = received.partition(b"\r\n\r\n")
    try:
        return int(top.split()[1]), json.loads(body)
    except ValueError:
        return int(top.split()[1]), body


def chunk(part: bytes) -> bytes:
    return f"{len(part):x}\r\n".encode() + part + b"\r\n"


LENGTH = f"Content-Length: {len(EVENT)}"
CHUNKED = "Transfer-Encoding: chunked"
BROKEN = [
    ("cut in the middle", [LENGTH], EVENT[:20]),
    ("cut before the body", [LENGTH], b""),
    ("one byte short", [LENGTH], EVENT[:-1]),
    ("chunks that end early", [CHUNKED], chunk(EVENT[:20])),
    ("a chunk that ends early", [CHUNKED], b"ff\r\n" + EVENT[:20]),
    ("no last chunk", [CHUNKED], chunk(EVENT)),
    ("a chunk without a size", [CHUNKED], b"zz\r\n" + EVENT + b"\r\n0\r\n\r\n"),
    ("a negative size", [CHUNKED], b"-5\r\n" + EVENT + b"\r\n0\r\n\r\n"),
    ("a chunk longer than its size", [CHUNKED], b"5\r\n" + EVENT + b"\r\n0\r\n\r\n"),
    ("a length that is no number", ["Content-Length: many"], EVENT),
    ("a negative length", ["Content-Length: -1"], EVENT),
    ("two lengths", [LENGTH, "Content-Length: 3"], EVENT),
    ("a length and chunks", [LENGTH, CHUNKED], chunk(EVENT) + b"0\r\n\r\n"),
]
