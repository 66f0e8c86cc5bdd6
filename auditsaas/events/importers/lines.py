"""Opens a plain or gzip file, or standard input, as numbered lines of bytes.

A source is read twice: first whole, to learn its identity and that it is sound (a truncated gzip
file is refused before any event is stored), then line by line. Memory stays flat at any size.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

MAX_LINE_BYTES = 1024 * 1024
_CHUNK = 1024 * 1024
_GZIP_MAGIC = b"\x1f\x8b"


Progress = Callable[[int], object]
"""Told of bytes that were read."""


def untold(_bytes: int) -> None: ...


class SourceError(Exception):
    """A file that cannot be read; ``str()`` is a sentence for the operator."""


class UnknownFormat(SourceError):
    """Text of a kind that nothing here reads, and a mapping might."""


@dataclass(frozen=True)
class Source:
    """An opened file of lines.

    ``identity`` is the SHA-256 (hex) of the unpacked content, so a gzip file and its plain
    original are the same source. ``size`` is the unpacked bytes.
    """

    name: str
    identity: str
    size: int
    _stream: BinaryIO

    def lines(
        self, progress: Progress = untold, *, keep_ends: bool = False
    ) -> Iterator[tuple[int, bytes]]:
        """Read lines counted from 1, without their line end, from the beginning at each call.

        Of a line longer than MAX_LINE_BYTES only one byte more than that is given. Bytes that were
        added to the file since it was opened are not read. ``progress`` is told the bytes of each
        line before it is given.
        """
        left = self.size
        self._stream.seek(0)
        number = 0
        while left > 0 and (line := self._stream.readline(min(left, MAX_LINE_BYTES + 1))):
            number += 1
            before, left = left, left - len(line)
            rest = line
            while left > 0 and rest and not rest.endswith(b"\n"):
                rest = self._stream.readline(min(left, _CHUNK))
                left -= len(rest)
            progress(before - left)
            yield number, line if keep_ends else line.removesuffix(b"\n").removesuffix(b"\r")

    def reader(self, progress: Progress = untold) -> Callable[[int], bytes]:
        """Read on from the beginning, at most so many bytes a call; empty bytes at the end."""
        left = self.size
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
            source = _read_once(name, opened.enter_context(_rewindable(name, stdin)))
        except OSError as error:
            raise SourceError(f"{name} cannot be read: {error.strerror or error}") from error
        yield source


@contextmanager
def open_stream(name: str, stream: BinaryIO) -> Iterator[Source]:
    """Open a stream as a source that can be read again from its beginning.

    Raises:
        SourceError: it is not whole.
    """
    yield _read_once(name, stream)


def _read_once(name: str, raw: BinaryIO) -> Source:
    start = raw.read(len(_GZIP_MAGIC))
    raw.seek(0)
    packed = gzip.GzipFile(fileobj=raw, mode="rb") if start == _GZIP_MAGIC else raw
    stream = cast(BinaryIO, packed)
    identity, size = _identify(name, stream)
    return Source(name, identity, size, stream)


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


def _identify(name: str, stream: BinaryIO) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    try:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"{name} is not a whole gzip file: {error}") from error
    return digest.hexdigest(), size
