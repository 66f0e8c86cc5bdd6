"""Bounds what reading one file may cost: how much it unpacks to, and a processor's time."""

from __future__ import annotations

import gzip
import io
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

MIB = 1024 * 1024
GRACE_SECONDS = 60
"""Of a processor, that any file may take, however small it is."""


class SourceError(Exception):
    """A file that cannot be read; ``str()`` is a sentence for the operator."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Limits what a file may cost; None where that is not bounded."""

    most_mib: int | None = None
    """Of unpacked content."""
    seconds_per_mib: int | None = None
    """Of a processor, for each MiB that is read, beyond ``GRACE_SECONDS``."""


UNBOUNDED = Budget()


class Metered(io.RawIOBase):
    """A file, plain or gzip, that is read within a budget."""

    def __init__(self, name: str, stream: BinaryIO, budget: Budget) -> None:
        super().__init__()
        self._name = name
        self._stream = stream
        self._budget = budget
        self._began = time.thread_time()
        self._position = 0
        self._passed = 0
        """Bytes that were read since it was opened, some of them several times."""

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = self._stream.seek(offset, whence)
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """Read as the stream does.

        Raises:
            SourceError: it is no whole gzip file, or the budget is spent.
        """
        return self._counted(self._stream.read, size)

    def readline(self, size: int | None = -1, /) -> bytes:
        """Read a line as the stream does; raises as ``read``."""
        return self._counted(self._stream.readline, -1 if size is None else size)

    def _counted(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            data = read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise SourceError(f"{self._name} is not a whole gzip file: {error}") from error
        self._position += len(data)
        self._passed += len(data)
        self._check()
        return data

    def _check(self) -> None:
        most, seconds = self._budget.most_mib, self._budget.seconds_per_mib
        if most is not None and self._position > most * MIB:
            raise SourceError(
                f"{self._name} holds more than {most:,} MiB, unpacked, which is the most that an"
                " imported file may hold here"
            )
        if seconds is None:
            return
        allowed = GRACE_SECONDS + seconds * self._passed / MIB
        if time.thread_time() - self._began > allowed:
            raise SourceError(
                f"{self._name} takes too long to read: more than {seconds:,} seconds of a processor"
                " for each MiB"
            )
