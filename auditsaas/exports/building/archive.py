"""A ZIP archive that is written from front to back, into a stream that cannot be sought."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import IO, Any, Final, cast
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from auditsaas.exports.source import Output

READABLE: Final = 0o644 << 16
"""The rights of a file as Unix keeps them (APPNOTE 6.3.10, 4.4.15)."""
FASTEST: Final = 1


class Archive:
    """An open archive; all of its files lie in one folder."""

    def __init__(self, packing: ZipFile, folder: str, at: datetime) -> None:
        self._packing = packing
        self._folder = folder
        self._at = at.timetuple()[:6]

    @contextmanager
    def file(self, name: str) -> Iterator[Output]:
        """Open a new file; one at a time."""
        entry = ZipInfo(f"{self._folder}/{name}", self._at)
        # Others than deflated files may not tell their size behind them (APPNOTE 6.3.10, 4.4.4).
        entry.compress_type, entry.external_attr = ZIP_DEFLATED, READABLE
        with self._packing.open(entry, "w", force_zip64=True) as file:
            yield file

    def add(self, name: str, text: str) -> None:
        with self.file(name) as file:
            file.write(text.encode())


@contextmanager
def archive(out: Output, folder: str, at: datetime) -> Iterator[Archive]:
    """Open an archive on ``out``; it is whole when the context ends well."""
    stream = cast("IO[bytes]", _Stream(out))
    packing = ZipFile(stream, "w", compression=ZIP_DEFLATED, compresslevel=FASTEST)
    try:
        yield Archive(packing, folder, at)
        packing.close()
    finally:
        packing.fp = None  # or it would write its end when it is collected


class _Stream:
    def __init__(self, out: Output) -> None:
        self._out = out

    def write(self, chunk: Any, /) -> int:
        self._out.write(bytes(chunk))
        return len(chunk)

    def flush(self) -> None:
        """Do nothing: no byte is held back."""
