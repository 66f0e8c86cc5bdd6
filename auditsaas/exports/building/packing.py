"""A file packed by gzip while it is written."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from auditsaas.exports.source import Output

FASTEST = 1
"""Costs a tenth of the speed and makes a log four times smaller; higher levels cost far more."""
SMALL = 6
"""For proofs, which are mostly hashes: a sixth smaller, at little beside what making them costs."""
GZIP_HEADER = 16 + zlib.MAX_WBITS


class _Packed:
    def __init__(self, out: Output, level: int) -> None:
        self._out = out
        # No name and no time of day: the same rows always make the same file.
        self._packer = zlib.compressobj(level, zlib.DEFLATED, GZIP_HEADER)

    def write(self, chunk: bytes, /) -> int:
        packed = self._packer.compress(chunk)
        if packed:
            self._out.write(packed)
        return len(chunk)

    def end(self) -> None:
        self._out.write(self._packer.flush())


@contextmanager
def packed(out: Output, gzip: bool, level: int = FASTEST) -> Iterator[Output]:
    """Open ``out`` itself, or what packs into it; whole when the context ends well."""
    if not gzip:
        yield out
        return
    packing = _Packed(out, level)
    yield packing
    packing.end()
