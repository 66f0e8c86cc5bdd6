"""Keeps processes of a worker free of long jobs, so that quick ones never wait for hours.

A worker that takes several queues gives each of the long ones at most so many processes that every
other queue has one left, and all long ones together leave one to the quick queue. A place is a lock
on a byte of a file, which a process that is killed lets go of.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

from config.celery import LONG, QUICK

_SPAN = 10_000
"""Bytes from one queue's places to the next one's: more than there are processes."""


@dataclass(frozen=True)
class Places:
    """Limits the processes that do long jobs: of each queue, and of all together."""

    of: Mapping[str, int]
    together: int


def places(processes: int, queues: Collection[str]) -> Places:
    """Share the processes of a worker between the queues that it takes."""
    others = len(queues) - 1
    long = [queue for queue in LONG if queue in queues]
    together = processes - (QUICK in queues)
    return Places({queue: max(1, processes - others) for queue in long}, max(1, together))


class Held:
    """The places of this worker, as its first process made them before the others were started."""

    def __init__(self, made: Places) -> None:
        self._made = made
        self._file = tempfile.NamedTemporaryFile(prefix="auditsaas-places-")  # noqa: SIM115  # as long as the worker

    @contextmanager
    def one(self, queue: str) -> Iterator[bool]:
        """Hold a place for a job of a queue while the block runs; False where none is free."""
        if queue not in self._made.of:
            yield True
            return
        spans = ((LONG.index(queue), self._made.of[queue]), (len(LONG), self._made.together))
        file = _opened(os.getpid(), self._file.name)
        taken: list[int] = []
        try:
            for number, many in spans:
                taken += _locked(file, range(number * _SPAN, number * _SPAN + many))
            yield len(taken) == len(spans)
        finally:
            for byte in taken:
                fcntl.lockf(file, fcntl.LOCK_UN, 1, byte)


@lru_cache(maxsize=1)
def _opened(_pid: int, name: str) -> int:
    """Open the file once in each process: closing it anywhere would let go of all its locks."""
    return os.open(name, os.O_RDWR)


def _locked(file: int, bytes_: range) -> list[int]:
    """Lock the first byte that no other process holds."""
    for byte in bytes_:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except OSError:
            continue
        return [byte]
    return []
