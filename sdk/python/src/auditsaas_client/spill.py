"""The folder that holds what the server could not take, until it can."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from collections import deque
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from .reports import Reports, logger
from .segments import SUFFIX, Segment, begun_at, mark_of

SEGMENT_BYTES = 4 << 20
SYNC_SECONDS = 1.0
ADOPT_SECONDS = 15.0
COMPLAIN_SECONDS = 60.0


def key_mark(key: str) -> str:
    """Mark file names by their key, so that no event reaches the workspace of another key."""
    return hashlib.sha256(b"auditsaas-client spill " + key.encode()).hexdigest()[:12]


class Spill:
    """The folder as one process uses it. Several may share it: each writes files of its own, and
    takes over those of a process that is gone."""

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        reports: Reports,
        mark: str,
        earlier_marks: Collection[str] = (),
    ) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self._max_bytes = max_bytes
        self._reports = reports
        self._mark = mark
        self._adopted_marks = {mark, *earlier_marks}
        self._lock = threading.RLock()
        self._active: Segment | None = None
        self._sealed: deque[Segment] = deque()
        self._room = 0
        self._room_known_at = float("-inf")
        self._synced_at = float("-inf")
        self._adopted_at = float("-inf")
        self._complained_at = float("-inf")

    def takes(self, lines: Sequence[bytes], epoch: int) -> bool:
        """Whether the events could be written; a disk that fails is in the log once a minute."""
        try:
            self.append(lines, epoch)
        except OSError as error:
            if time.monotonic() - self._complained_at > COMPLAIN_SECONDS:
                self._complained_at = time.monotonic()
                logger.error("Cannot write to %s: %s", self.folder, error)
            return False
        self._reports.add(spilled=len(lines))
        return True

    def append(self, lines: Sequence[bytes], epoch: int) -> None:
        """Write events to the file of this process.

        Raises:
            OSError: the folder holds as much as it may, or cannot be written.
        """
        size = sum(map(len, lines)) + len(lines)
        with self._lock:
            if self._active is not None and self._active.size + size > SEGMENT_BYTES:
                self.seal()
            self._make_room(size)
            if self._active is None:
                self._active = Segment.create(self.folder, self._mark, epoch)
            try:
                self._active.append(lines)
            except OSError:
                self._set_aside()
                raise
            self._room -= size

    def sync(self) -> None:
        """Have what was written on the disk itself, at most once a second."""
        now = time.monotonic()
        if now - self._synced_at >= SYNC_SECONDS:
            self._synced_at = now
            with self._lock:
                mine = self._mine()
            # Outside the lock, so that nobody who records waits for the disk.
            for segment in mine:
                with suppress(OSError):
                    segment.sync()

    def seal(self) -> None:
        """Close the current file for sending; what follows goes to another."""
        with self._lock:
            if self._active is not None:
                self._sealed.append(self._active)
                self._active = None
                self._room_known_at = float("-inf")

    def holds(self, epoch: int) -> bool:
        """Whether events of the epoch, or of one before it, are still here."""
        with self._lock:
            return any(s.epoch is not None and s.epoch <= epoch for s in self._mine())

    def first(self) -> Segment | None:
        """Choose the file to send from: the oldest of this process, or one without an owner."""
        with self._lock:
            if not self._sealed:
                self._adopt()
                self.seal()
            return self._sealed[0] if self._sealed else None

    def done(self, segment: Segment) -> None:
        """All its events are settled."""
        with self._lock:
            self._sealed.remove(segment)
            self._room_known_at = float("-inf")
            segment.delete()

    @property
    def has_files(self) -> bool:
        """Whether anybody has something here to send."""
        return any(self.folder.glob(f"*{SUFFIX}"))

    @property
    def is_ready(self) -> bool:
        """Whether there is a file to send from without a living writer."""
        return bool(self._sealed)

    @property
    def is_empty(self) -> bool:
        """Whether this process has nothing here to send."""
        return self._active is None and not self._sealed

    def close(self, *, keeps_files_open: bool = False) -> None:
        """Leave all files to the next process: now, or when this one ends."""
        with self._lock:
            self.seal()
            for segment in self._sealed:
                with suppress(OSError):
                    segment.sync()
                if not keeps_files_open:
                    segment.close()
            if not keeps_files_open:
                self._sealed.clear()

    def abandon(self) -> None:
        """In a forked child: let go of the parent's files without a trace."""
        for segment in self._mine():
            segment.close()

    def _mine(self) -> list[Segment]:
        return [*self._sealed, self._active] if self._active else list(self._sealed)

    def _set_aside(self) -> None:
        """After a failed write: a file that ends in half a line takes no more."""
        if self._active is not None and self._active.size == 0:
            self._active.delete()
            self._active = None
        self.seal()

    def _adopt(self) -> None:
        now = time.monotonic()
        if now - self._adopted_at < ADOPT_SECONDS:
            return
        is_first_look, self._adopted_at = self._adopted_at < 0, now
        foreign = 0
        for path in self._others():
            segment = Segment.adopt(path)
            if segment is None:
                continue
            if mark_of(path) in self._adopted_marks:
                logger.info("Sending what an earlier process left in %s", path.name)
                self._sealed.append(segment)
            else:
                foreign += 1
                segment.close()
        if foreign and is_first_look:
            logger.warning(
                "%d files in %s were recorded for another key, and stay there; if it was a key"
                " of the same workspace, name it in earlier_keys",
                foreign,
                self.folder,
            )

    def _others(self) -> list[Path]:
        mine = {segment.path for segment in self._mine()}
        found = (path for path in self.folder.glob(f"*{SUFFIX}") if path not in mine)
        return sorted(found, key=begun_at)

    def _make_room(self, size: int) -> None:
        now = time.monotonic()
        if self._active is None or self._room < size:
            if now - self._room_known_at >= SYNC_SECONDS:
                self._room_known_at = now
                self._room = self._max_bytes - self._used()
            if self._room < size:
                raise OSError(errno.ENOSPC, f"the folder holds its {self._max_bytes:,} bytes")

    def _used(self) -> int:
        total = 0
        for path in self.folder.glob(f"*{SUFFIX}"):
            with suppress(OSError):
                total += os.stat(path).st_size
        return total
