"""One request on its way through the threads, and what an application may ask of the server."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from config.connections.outgoing import CONTINUE, Outgoing
from config.connections.places import Places, Taken
from config.connections.source import Source

MOMENT_SECONDS: Final = 0.05
"""So long a thread waits for a body, which mostly comes with its head."""

AWAIT_BODY: Final = "auditsaas.await_body"
USE_FILES: Final = "auditsaas.use_lane_of_files"
CUT_AFTER: Final = "auditsaas.cut_after"
KEPT: Final = "auditsaas.kept"
"""Names in the WSGI environment: functions, and what an earlier pass of the request left."""


class Lane(Enum):
    """The threads that answer a request."""

    PAGES = "pages"
    FILES = "files"
    """Uploads and downloads, which take as long as the line of their caller is slow."""


class Postponed(BaseException):
    """The application is asked again later, from the beginning; no handler of its sees this."""


class Visit:
    """A request: its connection, its head, and the lane that answers it.

    An application that needs a body which is still on its way says so before it does anything, and
    is asked again once the body is here; meanwhile no thread waits. So is one that is going to send
    or receive a file, in a thread of the lane of files.
    """

    def __init__(self, conn: Any, head: bytes, places: Places) -> None:
        self.conn = conn
        self.head = head
        self.sock: socket.socket = conn.sock
        self.source = Source(self.sock)
        self.source.before_first = self.invite
        self.request: Any = None
        self.outgoing: Outgoing | None = None
        self.lane = Lane.PAGES
        self.wants: int | Lane | None = None
        """What to do before the application is asked again: bytes to receive at most, or a lane."""
        self.kept: dict[str, Any] = {}
        self.expects = False
        self._places = places
        self._caller: str | None = None

    def await_body(self, most: int, let_go: Callable[[], None]) -> None:
        """Return when the body is here, or more of it than ``most``.

        ``let_go`` is called before anything is waited for.

        Raises:
            Postponed: it is still on its way.
        """
        if self.source.has_received or self.lane is Lane.FILES or self._arrived(0):
            return
        let_go()
        if self._arrived(MOMENT_SECONDS):
            return
        self.invite()
        self.wants = most
        raise Postponed

    def use_lane_of_files(self, caller: str) -> Taken:
        """Return in a thread of the lane of files, or why there is none. Raises Postponed."""
        if self.lane is Lane.FILES:
            return Taken.YES
        taken = self._places.take(caller)
        if taken is not Taken.YES:
            return taken
        self._caller = caller
        self.wants = Lane.FILES
        raise Postponed

    def cut_after(self) -> int | None:
        """Return how many bytes of the answer's body went before its reader left; None else."""
        outgoing = self.outgoing
        return outgoing.sent_of_body if outgoing is not None and outgoing.broke else None

    def end(self) -> None:
        """Give the place in the lane of files back."""
        caller, self._caller = self._caller, None
        if caller is not None:
            self._places.give_back(caller)

    def invite(self) -> None:
        """Tell a sender that asked first to send the body."""
        if self.expects:
            self.expects = False
            self.conn.invited = True
            with contextlib.suppress(OSError):
                self.sock.send(CONTINUE)

    def body_is_here(self) -> bool:
        """Tell whether all of the body that was not read has come, so that a request can follow."""
        if self.source.has_rest():
            return False
        reader = self.request.body.reader
        left = getattr(reader, "length", None)
        if left is None:
            return getattr(reader, "parser", None) is None
        return not left or self._buffered() >= left

    def skip_body(self) -> bool:
        """Pass over what was not read; False where that would be waited for."""
        return self.body_is_here() and bool(self.conn.parser.finish_body())

    def _buffered(self) -> int:
        """Return how many bytes beyond what was read are here."""
        return int(self.conn.parser.unreader.buf.seek(0, 2))

    def _arrived(self, seconds: float) -> bool:
        length = getattr(self.request.body.reader, "length", None)
        if length is None:
            return False
        until = time.monotonic() + seconds
        while (here := self._buffered()) < length:
            self.invite()
            self.sock.settimeout(max(0.0, until - time.monotonic()))
            try:
                part = self.sock.recv(min(length - here, 1 << 20))
            except (BlockingIOError, TimeoutError):
                return False
            if not part:
                return True  # it ended early, as the reader will find
            self.conn.parser.unreader.buf.write(part)
        return True
