"""What a process does to its logs when it forks and when it ends."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
import threading
from typing import Protocol

LEAVING_SECONDS = 5.0


class Log(Protocol):
    def end(self, timeout: float) -> bool: ...
    def start_afresh(self) -> None: ...


starting = threading.RLock()
"""Held while threads are started; new in each forked child, where nobody would release it."""

_running: set[Log] = set()


def entered(log: Log) -> None:
    """Register a log with threads, to be closed when the process ends."""
    _running.add(log)
    if multiprocessing.parent_process() is not None:
        # A child of multiprocessing ends without atexit.
        from multiprocessing.util import Finalize

        Finalize(None, _close_all, exitpriority=100)


def left(log: Log) -> None:
    _running.discard(log)


def _close_all() -> None:
    for log in list(_running):
        log.end(LEAVING_SECONDS)


def _in_forked_child() -> None:
    global starting
    starting = threading.RLock()
    inherited = list(_running)
    _running.clear()
    for log in inherited:
        log.start_afresh()


atexit.register(_close_all)
if sys.platform != "win32":
    os.register_at_fork(after_in_child=_in_forked_child)
