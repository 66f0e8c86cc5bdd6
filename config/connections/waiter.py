"""Waits for slow callers: one thread for all that still has to come or go, of however many."""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Protocol

from config.connections.pace import Pace

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
LOOK_EVERY_SECONDS = 0.25

log = logging.getLogger(__name__)


class Errand(Protocol):
    """Something that is done piece by piece, as the socket allows."""

    sock: socket.socket
    direction: int
    pace: Pace

    def step(self) -> bool:
        """Move what can be moved without waiting; True when all is done. Raises OSError."""

    def end(self, error: Exception | None) -> None:
        """Go on after it; TimeoutError says that the caller was too slow."""


class Waiter:
    """A thread that does errands until they are done, fail, or take too long."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._new: deque[Errand] = deque()
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self._selector.register(self._woken, READ, None)
        threading.Thread(target=self._run, name="waiter", daemon=True).start()

    def add(self, errand: Errand) -> None:
        """Begin an errand; from any thread. Its socket must not block."""
        self._new.append(errand)
        try:
            self._wake.send(b"\0")
        except BlockingIOError:
            return  # it is awake anyway

    def _run(self) -> None:
        looked = 0.0
        while True:
            for key, _ in self._selector.select(LOOK_EVERY_SECONDS):
                if key.data is None:
                    self._woken.recv(4096)
                else:
                    self._move(key.data)
            while self._new:
                self._begin(self._new.popleft())
            if time.monotonic() - looked >= LOOK_EVERY_SECONDS:
                looked = time.monotonic()
                self._end_slow()

    def _begin(self, errand: Errand) -> None:
        try:
            self._selector.register(errand.sock, errand.direction, errand)
        except (OSError, KeyError, ValueError) as error:
            self._end(errand, error)

    def _move(self, errand: Errand) -> None:
        try:
            if not errand.step():
                return
        except (BlockingIOError, InterruptedError):
            return
        except Exception as error:  # noqa: BLE001 - one errand must not end the others
            self._finish(errand, error)
        else:
            self._finish(errand, None)

    def _end_slow(self) -> None:
        errands = [key.data for key in self._selector.get_map().values() if key.data is not None]
        for errand in errands:
            if errand.pace.seconds_left() <= 0:
                self._finish(errand, TimeoutError("too slow"))

    def _finish(self, errand: Errand, error: Exception | None) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(errand.sock)
        self._end(errand, error)

    def _end(self, errand: Errand, error: Exception | None) -> None:
        try:
            errand.end(error)
        except Exception:
            log.exception("What follows an errand failed")
