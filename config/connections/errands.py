"""Errands for slow callers outside of threads: heads, bodies, answers and farewells."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from config.connections.framing import AfterLastChunk, AfterLength, End
from config.connections.outgoing import Outgoing
from config.connections.pace import ANSWER, BODY, FAREWELL, HEAD, Pace
from config.connections.visit import Visit
from config.connections.waiter import READ, WRITE

PIECE = 1 << 16
MOST_HEAD = 1 << 16
IN_MEMORY = 1 << 17
END_OF_HEAD = b"\r\n\r\n"
MOST_FAREWELL = 64_000_000

Then = Callable[[Exception | None], None]


class ReceiveHead:
    """Receives the request line and the headers of the next request."""

    direction = READ

    def __init__(
        self, conn: Any, begun: bytes, then: Callable[[bytes, Exception | None], None]
    ) -> None:
        self.sock: socket.socket = conn.sock
        self.pace = Pace(HEAD)
        self._then = then
        self._head = bytearray(begun)

    def step(self) -> bool:
        if self._whole():
            return True
        part = self.sock.recv(MOST_HEAD, socket.MSG_DONTWAIT)
        if not part:
            raise ConnectionResetError("the caller has gone")
        self._head += part
        return self._whole()

    def end(self, error: Exception | None) -> None:
        self._then(bytes(self._head), error)

    def _whole(self) -> bool:
        if self._head.startswith((b"\r", b"\n")):
            self._head = self._head.lstrip(b"\r\n")  # RFC 9112, section 2.2
        return END_OF_HEAD in self._head or len(self._head) > MOST_HEAD


class ReceiveBody:
    """Receives the rest of a body into a file, for the parser to read from."""

    direction = READ

    def __init__(self, visit: Visit, most: int, then: Callable[[], None]) -> None:
        self.sock = visit.sock
        self.pace = Pace(BODY)
        self.failure: Exception | None = None
        spooled = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - ends with the request
        self.file = cast("BinaryIO", spooled)
        self._visit = visit
        self._left = most
        self._then = then
        reader = visit.request.body.reader
        length = getattr(reader, "length", None)
        self._length = length
        self._end: End = AfterLastChunk() if length is None else AfterLength(length)
        buffered = visit.conn.parser.unreader.buf.getvalue()
        self.is_here = bool(buffered) and self._passed(buffered)

    def step(self) -> bool:
        part = self.sock.recv(PIECE if self._length is None else min(PIECE, self._length))
        if not part:
            return True  # it ended early, as the parser will find
        self.file.write(part)
        self.pace.note(len(part))
        return self._passed(part)

    def end(self, error: Exception | None) -> None:
        self.failure = error
        self.file.seek(0)
        self._visit.source.begin_with(self)
        self._then()

    def _passed(self, part: bytes) -> bool:
        self._left -= len(part)
        if self._length is not None:
            self._length -= len(part)
        return self._end.reached(part) or self._left < 0


class SendRest:
    """Sends what the reader of an answer was too slow for."""

    direction = WRITE

    def __init__(self, outgoing: Outgoing, then: Then) -> None:
        self.sock = outgoing.sock
        self.pace = Pace(ANSWER)
        self._outgoing = outgoing
        self._then = then

    def step(self) -> bool:
        self.pace.note(self._outgoing.send_rest())
        return not self._outgoing.rest

    def end(self, error: Exception | None) -> None:
        self._outgoing.let_go()
        self._then(error)


class Farewell:
    """Lets a sender read its answer though it has not finished sending (RFC 9112, section 9.6).

    A server that closes while bytes are still on their way resets the connection, and the sender
    sees a broken pipe instead of the answer. So what still comes is thrown away for a while.
    """

    direction = READ

    def __init__(self, sock: socket.socket, then: Then) -> None:
        self.sock = sock
        self.pace = Pace(FAREWELL)
        self._then = then
        self._left = MOST_FAREWELL

    def step(self) -> bool:
        part = self.sock.recv(PIECE)
        self.pace.note(len(part))
        self._left -= len(part)
        return not part or self._left <= 0

    def end(self, error: Exception | None) -> None:
        self._then(error)
