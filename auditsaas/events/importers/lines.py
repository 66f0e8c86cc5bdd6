"""Opens a plain or gzip file, or standard input, as numbered lines of bytes.

A source is read twice: whole, to learn its identity and that it is sound (a truncated gzip file is
refused before any event is stored), and line by line. Memory stays flat at any size.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, cast

from auditsaas.events.importers.budget import UNBOUNDED, Budget, Metered, SourceError

__all__ = ["SourceError"]

MAX_LINE_BYTES = 1024 * 1024
_CHUNK = 1024 * 1024
_GZIP_MAGIC = b"\x1f\x8b"


Progress = Callable[[int], object]
"""Told of bytes that were read."""


def untold(_bytes: int) -> None: ...


class UnknownFormat(SourceError):
    """Text of a kind that nothing here reads, and a mapping might."""


class Source:
    """An opened file of lines."""

    def __init__(self, name: str, stream: BinaryIO) -> None:
        self.name = name
        self._stream = stream
        self._known: tuple[str, int] | None = None

    @property
    def identity(self) -> str:
        """The SHA-256 (hex) of the unpacked content: a gzip file and its plain original have one.

        Raises:
            SourceError: it is not whole, or costs more than it may.
        """
        return self._identified()[0]

    @property
    def size(self) -> int:
        """The unpacked bytes; raises as ``identity``."""
        return self._identified()[1]

    def _identified(self) -> tuple[str, int]:
        if self._known is None:
            self._stream.seek(0)
            self._known = _identify(self._stream)
        return self._known

    @property
    def _left(self) -> int:
        """The bytes to be read from the beginning; without end while the size is not known."""
        return sys.maxsize if self._known is None else self._known[1]

    def lines(
        self, progress: Progress = untold, *, keep_ends: bool = False
    ) -> Iterator[tuple[int, bytes]]:
        """Read lines counted from 1, without their line end, from the beginning at each call.

        Of a line longer than MAX_LINE_BYTES only one byte more than that is given. Bytes that were
        added to the file since it was opened are not read. ``progress`` is told the bytes of each
        line before it is given.
        """
        left = self._left
        self._stream.seek(0)
        number = 0
        while left > 0 and (line := self._stream.readline(min(left, MAX_LINE_BYTES + 1))):
            number += 1
            left -= len(line)
            progress(len(line))
            rest = line
            while left > 0 and rest and not rest.endswith(b"\n"):
                rest = self._stream.readline(min(left, _CHUNK))
                left -= len(rest)
                progress(len(rest))
            yield number, line if keep_ends else line.removesuffix(b"\n").removesuffix(b"\r")

    def reader(self, progress: Progress = untold) -> Callable[[int], bytes]:
        """Read on from the beginning, at most so many bytes a call; empty bytes at the end."""
        left = self._left
        self._stream.seek(0)

        def read(most: int) -> bytes:
            nonlocal left
            chunk = self._stream.read(min(left, most))
            left -= len(chunk)
            progress(len(chunk))
            return chunk

        return read


@contextmanager
def open_source(name: str, stdin: BinaryIO | None = None) -> Iterator[Source]:
    """Open a file by its name, or standard input by ``-``; gzip is known by its first bytes.

    Standard input that cannot be read twice is kept in a temporary file meanwhile.

    Raises:
        SourceError: it cannot be opened, or is not whole.
    """
    with ExitStack() as opened:
        try:
            source = _source(name, opened.enter_context(_rewindable(name, stdin)), UNBOUNDED)
            source.size  # noqa: B018  # is read whole here, so that what is cut is refused first
        except OSError as error:
            raise SourceError(f"{name} cannot be read: {error.strerror or error}") from error
        yield source


@contextmanager
def open_stream(name: str, stream: BinaryIO, budget: Budget = UNBOUNDED) -> Iterator[Source]:
    """Open a stream as a source that can be read again from its beginning.

    It is read no further than it is asked for. What is not whole, or costs more than ``budget``,
    is a SourceError where it is read.
    """
    yield _source(name, stream, budget)


def _source(name: str, raw: BinaryIO, budget: Budget) -> Source:
    start = raw.read(len(_GZIP_MAGIC))
    raw.seek(0)
    packed = gzip.GzipFile(fileobj=raw, mode="rb") if start == _GZIP_MAGIC else raw
    return Source(name, cast(BinaryIO, Metered(name, cast(BinaryIO, packed), budget)))


@contextmanager
def _rewindable(name: str, stdin: BinaryIO | None) -> Iterator[BinaryIO]:
    if name != "-":
        with open(name, "rb") as file:
            yield file
        return
    stream = stdin or sys.stdin.buffer
    if stream.seekable():
        yield stream
    else:
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(stream, copy, _CHUNK)
            copy.seek(0)
            yield cast(BinaryIO, copy)


def _identify(stream: BinaryIO) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size
