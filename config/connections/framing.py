"""Finds where the body of a request ends, without reading what it says.

The parser looks at it again, strictly; where this one cannot make sense of something, it says that
the body is over, and leaves the refusal to the parser.
"""

from __future__ import annotations

from typing import Protocol

LONGEST_LINE = 8192


class End(Protocol):
    """The end of a body that comes in parts."""

    def reached(self, part: bytes) -> bool:
        """Look at the next part, and tell whether the body ends in it."""


class AfterLength:
    """After so many bytes."""

    def __init__(self, length: int) -> None:
        self._left = length

    def reached(self, part: bytes) -> bool:
        self._left -= len(part)
        return self._left <= 0


class AfterLastChunk:
    """After the chunk of size 0 and its trailers (RFC 9112, section 7.1)."""

    def __init__(self) -> None:
        self._skip = 0
        self._line = b""
        self._in_trailers = False

    def reached(self, part: bytes) -> bool:
        at = 0
        while at < len(part):
            if self._skip:
                passed = min(self._skip, len(part) - at)
                self._skip -= passed
                at += passed
                continue
            found = part.find(b"\n", at)
            if found < 0:
                self._line += part[at:]
                return len(self._line) > LONGEST_LINE
            line, at = (self._line + part[at : found + 1]).strip(), found + 1
            self._line = b""
            if self._ends_with(line):
                return True
        return False

    def _ends_with(self, line: bytes) -> bool:
        if self._in_trailers:
            return not line
        size = line.partition(b";")[0].strip()
        try:
            number = int(size, 16)
        except ValueError:
            return True
        if number < 0:
            return True
        self._in_trailers = number == 0
        self._skip = number + 2 if number else 0
        return False
