"""The socket of an answer: takes it all at once, and keeps what its reader is too slow for."""

from __future__ import annotations

import errno
import os
import select
import socket
from collections import deque
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from config.connections.pace import Pace

PIECE = 1 << 18
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass
class Bytes:
    rest: memoryview

    def send(self, sock: socket.socket) -> int:
        """Send what fits now; return how much. Raises BlockingIOError where nothing does."""
        sent = sock.send(self.rest[:PIECE], socket.MSG_DONTWAIT)
        self.rest = self.rest[sent:]
        return sent

    @property
    def done(self) -> bool:
        return not self.rest

    def close(self) -> None:
        self.rest = memoryview(b"")


@dataclass
class File:
    descriptor: int
    offset: int
    count: int

    def send(self, sock: socket.socket) -> int:
        sent = os.sendfile(
            sock.fileno(), self.descriptor, self.offset, min(PIECE, max(0, self.count))
        )
        if not sent:
            raise BrokenPipeError(errno.EPIPE, "the file is shorter than was said")
        self.offset += sent
        self.count -= sent
        return sent

    @property
    def done(self) -> bool:
        return self.count <= 0

    def close(self) -> None:
        os.close(self.descriptor)


@dataclass
class Outgoing:
    """Stands for the socket while an answer is written; all else is the socket's own.

    With a ``pace`` the writing thread waits for its reader; without, it never does, and what is
    left goes on by ``send_rest``.
    """

    sock: socket.socket
    visit: Any
    pace: Pace | None = None
    rest: deque[Bytes | File] = field(default_factory=deque)
    began: bool = False
    broke: bool = False
    """Whether the reader left before the end, or was too slow."""
    head: int = 0
    sent: int = 0
    """Bytes of the head, which is written at once, and those that have gone."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)

    def send(self, data: bytes) -> int:
        """Keep the leave to send a body back until the body is wanted (RFC 9110, 10.1.1)."""
        if data == CONTINUE and not self.began:
            self.visit.expects = not getattr(self.visit.conn, "invited", False)
            return len(data)
        self.sendall(data)
        return len(data)

    def sendall(self, data: bytes) -> None:
        self._put(Bytes(memoryview(data)))

    def sendfile(self, file: BinaryIO, offset: int = 0, count: int | None = None) -> int:
        """Send a part of a file; it may be closed before all has gone."""
        number = os.dup(file.fileno())
        size = os.fstat(number).st_size - offset if count is None else count
        self._put(File(number, offset, size))
        return size

    @property
    def sent_of_body(self) -> int:
        return max(0, self.sent - self.head)

    def send_rest(self) -> int:
        """Send what fits now of what is left; return how much. Raises OSError."""
        sent = 0
        while self.rest and sent < PIECE:
            first = self.rest[0]
            try:
                now = 0 if first.done else first.send(self.sock)
            except BlockingIOError:
                if not sent:
                    raise
                break
            sent, self.sent = sent + now, self.sent + now
            if first.done:
                self.rest.popleft().close()
        return sent

    def let_go(self) -> None:
        """Forget what is left."""
        while self.rest:
            self.rest.popleft().close()

    def _put(self, part: Bytes | File) -> None:
        if not self.began and isinstance(part, Bytes):
            self.head = len(part.rest)
        self.began = True
        self.rest.append(part)
        self.sock.setblocking(False)
        try:
            while self.rest:
                try:
                    sent = self.send_rest()
                except BlockingIOError:
                    if self.pace is None:
                        return
                    self._wait(self.pace)
                else:
                    if self.pace is not None:
                        self.pace.note(sent)
        except OSError:
            self.broke = True
            self.let_go()
            raise

    def _wait(self, pace: Pace) -> None:
        poll = select.poll()
        poll.register(self.sock, select.POLLOUT)
        left = pace.seconds_left()
        if left <= 0 or not poll.poll(left * 1000):
            raise BrokenPipeError(errno.EPIPE, "the reader is too slow")
