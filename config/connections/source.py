"""The source of gunicorn's parser: what was received already, and then the socket."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import BinaryIO, Protocol

from werkzeug.exceptions import RequestTimeout

from config.connections.pace import BODY, Floor, Pace


class Received(Protocol):
    """The part of a body that was received outside of threads, and where it ended."""

    file: BinaryIO
    failure: Exception | None


class Source:
    """A socket to the parser, which a sender may keep waiting no longer than a floor allows.

    Raises:
        RequestTimeout: from ``recv``, where the sender is too slow; an answer of its own.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.before_first: Callable[[], None] | None = None
        """Called before the socket is waited for."""
        self._received: Received | None = None
        self._pace = Pace(BODY)

    @property
    def has_received(self) -> bool:
        """Whether the body was received outside of threads."""
        return self._received is not None

    def has_rest(self) -> bool:
        """Tell whether something that was received is not read."""
        if self._received is None:
            return False
        if self._received.failure is not None:
            return True
        here = self._received.file.tell()
        return here != self._received.file.seek(0, 2)

    def begin_with(self, received: Received) -> None:
        """Read what was received first."""
        self._received = received

    def keep_to(self, floor: Floor) -> None:
        """Begin to count by another floor."""
        self._pace = Pace(floor)

    def recv(self, most: int) -> bytes:
        if self._received is not None:
            kept = self._received.file.read(most)
            if kept:
                return kept
            if self._received.failure is not None:
                raise _as_answer(self._received.failure)
        left = self._pace.seconds_left()
        if left <= 0:
            raise RequestTimeout
        if self.before_first is not None:
            self.before_first()
        self.sock.settimeout(left)
        try:
            found = self.sock.recv(most)
        except TimeoutError:
            raise RequestTimeout from None
        self._pace.note(len(found))
        return found


def _as_answer(failure: Exception) -> Exception:
    return RequestTimeout() if isinstance(failure, TimeoutError) else failure
