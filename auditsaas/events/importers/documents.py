"""Reads a JSON document of any size record by record, holding one record at a time.

A document is an array of records, an object that holds such an array under one of some names
(``{"Records": [...]}``), a single record, or several of these one after another. Only the
outer structure is read here; each record comes as its bytes, for a real JSON decoder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

MAX_RECORD_BYTES = 1024 * 1024
DEEPEST = 1000
_CHUNK = 256 * 1024

_BLANK = re.compile(rb"[ \t\r\n]*+")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SCALAR = re.compile(rb"[-+.0-9A-Za-z]++")
_PLAIN = rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")'
_FLAT = rb"(?:%(in)b|\[%(in)b*+\]|\{%(in)b*+\})" % {b"in": _PLAIN}
_SHALLOW = rb"(?:%(in)b|\[%(in)b*+\]|\{%(in)b*+\})" % {b"in": _FLAT}
# Everything up to and with the next run of brackets that are not inside a string, as far as it is
# there; what is nested no more than two deep is passed over at once.
_TO_BRACKETS = re.compile(_SHALLOW + rb"*+(?:(?P<open>[{\[]++)|(?P<close>[}\]]++))?", re.DOTALL)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Read = Callable[[int], bytes]


class DocumentError(Exception):
    """The document's structure is broken; ``byte`` is where, from 0."""

    def __init__(self, byte: int, reason: str) -> None:
        super().__init__(f"byte {byte:,}: {reason}")
        self.byte = byte
        self.reason = reason


def records(read: Read, names: frozenset[str] = frozenset()) -> Iterator[tuple[int, bytes]]:
    """Read each record's first byte, counted from 0, and its JSON text.

    ``names`` are those under which an object holds its records; an object without any of them is
    itself a record.

    Raises:
        DocumentError: the text ends too early, or is no JSON; or a record passes 1 MiB.
    """
    scan = _Scanner(read)
    scan.skip(_BYTE_ORDER_MARK)
    while (first := scan.peek()) is not None:
        if first == b"[":
            yield from _elements(scan)
        elif first == b"{":
            yield from _object(scan, names)
        else:
            raise DocumentError(scan.byte, "neither an object nor an array begins here")


def _elements(scan: _Scanner) -> Iterator[tuple[int, bytes]]:
    scan.expect(b"[")
    if scan.peek() == b"]":
        scan.expect(b"]")
        return
    while True:
        scan.peek()
        yield scan.byte, scan.value()
        if not scan.another(b"]"):
            return


def _object(scan: _Scanner, names: frozenset[str]) -> Iterator[tuple[int, bytes]]:
    start = scan.byte
    members: list[bytes] = []
    size = 0
    is_wrapper = False
    scan.expect(b"{")
    if scan.peek() == b"}":
        scan.expect(b"}")
        yield start, b"{}"
        return
    while True:
        scan.peek()
        name = scan.string()
        scan.peek()
        scan.expect(b":")
        if scan.peek() == b"[" and name[1:-1].decode("utf-8", "replace") in names:
            is_wrapper = True
            yield from _elements(scan)
        else:
            value = scan.value()
            members.append(name + b":" + value)
            size += len(members[-1])
        if size > MAX_RECORD_BYTES:
            raise DocumentError(start, f"the object has more than {MAX_RECORD_BYTES:,} bytes")
        if not scan.another(b"}"):
            break
    if not is_wrapper:
        yield start, b"{" + b",".join(members) + b"}"


class _Scanner:
    """A place in a stream, and a buffer of what comes next."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._buffer = b""
        self._position = 0
        self._passed = 0
        """Bytes that have left the buffer."""

    @property
    def byte(self) -> int:
        return self._passed + self._position

    def peek(self) -> bytes | None:
        """Move to the next byte that is not blank, and return it; None at the end."""
        while True:
            blank = _BLANK.match(self._buffer, self._position)
            self._position = blank.end() if blank else self._position
            if self._position < len(self._buffer):
                return self._buffer[self._position : self._position + 1]
            if not self._more():
                return None

    def skip(self, text: bytes) -> None:
        while len(self._buffer) < len(text) and self._more():
            pass
        if self._buffer.startswith(text, self._position):
            self._position += len(text)

    def expect(self, character: bytes) -> None:
        if self._buffer[self._position : self._position + 1] != character:
            raise self._unexpected(f"expected {character.decode()}")
        self._position += 1

    def another(self, closing: bytes) -> bool:
        """Pass a comma or the closing bracket; return whether it was a comma."""
        found = self.peek()
        if found not in (b",", closing):
            raise self._unexpected(f"expected a comma or {closing.decode()}")
        self._position += 1
        return found == b","

    def string(self) -> bytes:
        return self._match(_STRING, "expected a name in quotes")

    def value(self) -> bytes:
        """Read the text of one whole value."""
        first = self._buffer[self._position : self._position + 1]
        if first == b'"':
            return self._match(_STRING, "expected a value")
        if first in (b"{", b"["):
            return self._nested()
        return self._match(_SCALAR, "expected a value", may_grow=True)

    def _nested(self) -> bytes:
        depth, length = 1, 1
        while True:
            brackets = _TO_BRACKETS.match(self._buffer, self._position + length)
            length = brackets.end() - self._position if brackets else length
            if brackets is None or brackets.lastgroup is None:
                self._grow()
            elif brackets.lastgroup == "open":
                depth += len(brackets["open"])
                if depth > DEEPEST:
                    raise DocumentError(self.byte, f"a value is nested more than {DEEPEST:,} deep")
            elif (depth := depth - len(brackets["close"])) <= 0:
                return self._take(length + depth)

    def _match(self, pattern: re.Pattern[bytes], wanted: str, *, may_grow: bool = False) -> bytes:
        while True:
            match = pattern.match(self._buffer, self._position)
            if match and (match.end() < len(self._buffer) or not may_grow):
                return self._take(match.end() - self._position)
            if match and not self._more():
                return self._take(match.end() - self._position)
            starts = self._buffer[self._position : self._position + 1]
            if not match and not (pattern is _STRING and starts == b'"'):
                raise self._unexpected(wanted)
            if not match:
                self._grow()

    def _take(self, length: int) -> bytes:
        if length > MAX_RECORD_BYTES:
            raise DocumentError(self.byte, f"a value has more than {MAX_RECORD_BYTES:,} bytes")
        start = self._position
        self._position += length
        return self._buffer[start : self._position]

    def _grow(self) -> None:
        """Read on inside a value."""
        if len(self._buffer) - self._position > MAX_RECORD_BYTES:
            raise DocumentError(self.byte, f"a value has more than {MAX_RECORD_BYTES:,} bytes")
        if not self._more():
            raise DocumentError(self.byte, "the file ends inside the value that begins here")

    def _more(self) -> bool:
        chunk = self._read(_CHUNK)
        self._buffer = self._buffer[self._position :] + chunk
        self._passed += self._position
        self._position = 0
        return bool(chunk)

    def _unexpected(self, wanted: str) -> DocumentError:
        if self._position >= len(self._buffer):
            return DocumentError(self.byte, f"the file ends here; {wanted}")
        found = self._buffer[self._position : self._position + 1].decode("ascii", "replace")
        return DocumentError(self.byte, f"found {found!r}, {wanted}")
