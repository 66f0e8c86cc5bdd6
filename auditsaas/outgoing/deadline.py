"""A moment at which a connection ends, also while the other side sends a byte now and then.

A socket's time limit begins anew with every byte. So a timer shuts the socket down, which ends
whatever waits for it in another thread.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic


class Deadline:
    """So many seconds from now."""

    def __init__(self, seconds: float) -> None:
        self._at = monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left; 0 when it has passed."""
        return max(0.0, self._at - monotonic())

    @property
    def has_passed(self) -> bool:
        return self.left == 0

    @contextmanager
    def over(self, sock: socket.socket | None) -> Iterator[None]:
        """Shut a socket down when the deadline passes inside of the context."""
        if sock is None or self.has_passed:
            raise TimeoutError
        sock.settimeout(self.left)
        timer = threading.Timer(self.left, _shut, [sock])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _shut(sock: socket.socket) -> None:
    """Shut the connection below TLS, whose own ``shutdown`` must not be called beside a read."""
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
