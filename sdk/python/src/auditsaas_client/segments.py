"""One file of spilled events: one JSON line each, written by one process, locked while it lives.

The lock is the kernel's, so it ends with the process however that ends, and a file that can be
locked belongs to nobody. A file is deleted once all its events are settled.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from .batches import MAX_BYTES, MAX_EVENTS
from .reports import logger

if sys.platform != "win32":
    import fcntl

SUFFIX = ".spill"
READ_BYTES = 1 << 20


class Segment:
    """An open, locked file. Appended to first, then read; never both."""

    def __init__(self, path: Path, descriptor: int, epoch: int | None) -> None:
        self.path = path
        self.epoch = epoch
        """What a flush waits for; None for a file that an earlier process left."""
        self.size = os.fstat(descriptor).st_size
        self._descriptor = descriptor
        self._offset = 0
        self._unsynced = False
        self._unsettled: list[bytes] = []

    @classmethod
    def create(cls, folder: Path, mark: str, epoch: int) -> Segment:
        """Create a file, seen by other processes only once it is locked."""
        begun = time.time_ns() // 1_000_000
        path = folder / f"{mark}-{begun:013d}-{os.getpid()}-{uuid4().hex[:8]}.new"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            named = path.rename(path.with_suffix(SUFFIX))
        except OSError:
            os.close(descriptor)
            raise
        return cls(named, descriptor, epoch)

    @classmethod
    def adopt(cls, path: Path) -> Segment | None:
        """Open a file whose process is gone; None while it lives, or when the file is gone too."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Locked after another process had settled and deleted it: there is nothing to do.
            if os.fstat(descriptor).st_nlink:
                return cls(path, descriptor, None)
        except OSError:
            pass
        os.close(descriptor)
        return None

    @property
    def age(self) -> float:
        """Seconds since it was begun."""
        return max(0.0, time.time() - begun_at(self.path) / 1000)

    def append(self, lines: Sequence[bytes]) -> None:
        """Write whole lines or, when the disk fails, none of them."""
        data = b"".join(line + b"\n" for line in lines)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(data)
        self._unsynced = True

    def sync(self) -> None:
        """Have what was appended on the disk itself, with its name."""
        if self._unsynced:
            self._unsynced = False
            os.fsync(self._descriptor)
            _sync_folder(self.path.parent)

    def next_lines(self) -> list[bytes]:
        """Read the next batch of unsettled events; empty when all are settled."""
        while len(self._unsettled) < MAX_EVENTS and self._offset < self.size:
            self._read_more()
        size = 0
        for count, line in enumerate(self._unsettled[:MAX_EVENTS], start=1):
            size += len(line)
            if size >= MAX_BYTES:
                return self._unsettled[:count]
        return self._unsettled[:MAX_EVENTS]

    def settled(self, count: int, held: Sequence[bytes] = ()) -> None:
        """Settle the first ``count`` lines but for those ``held``."""
        self._unsettled[:count] = held

    def delete(self) -> None:
        with suppress(OSError):
            self.path.unlink()
        self.close()

    def close(self) -> None:
        """Give up the lock, and with it the file."""
        os.close(self._descriptor)

    def _read_more(self) -> None:
        data = os.pread(self._descriptor, min(READ_BYTES, self.size - self._offset), self._offset)
        # Without a line end it is the last line, cut when its process or the power went.
        end = data.rfind(b"\n") + 1 or len(data)
        if not end:
            raise OSError(f"{self.path.name} is shorter than it was")
        self._offset += end
        self._unsettled += [line for line in data[:end].split(b"\n") if self._is_event(line)]

    def _is_event(self, line: bytes) -> bool:
        if self.epoch is not None or not line:
            return bool(line)
        with suppress(ValueError, RecursionError):
            if isinstance(json.loads(line), dict):
                return True
        logger.error("%s holds %d bytes that are no event; left out", self.path.name, len(line))
        return False


def begun_at(path: Path) -> int:
    """When a file was begun, in ms since 1970, by its name; 0 if it was renamed."""
    parts = path.name.split("-")
    return int(parts[1]) if len(parts) > 2 and parts[1].isdigit() else 0


def mark_of(path: Path) -> str:
    """Read the mark of the key that a file's events were recorded for, by its name."""
    return path.name.partition("-")[0]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
