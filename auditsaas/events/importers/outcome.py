"""The outcome of one line or record of an imported file, for all formats."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

NOTHING: tuple[object, ...] = (None, "", "-", [], {})
"""Values that say nothing."""
SHOWN_KEYS = 5
LONGEST_KEY = 40
# Of names such as `id`, `type` and `status` every format has some.
_TELLING = re.compile(r"[A-Z_@.]")


class LineError(ValueError):
    """A line that cannot be understood; ``reason`` is a phrase for the operator.

    ``near`` is how much of the format the line has all the same: 0 where it may be of any other.
    """

    def __init__(self, reason: str, near: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.near = near


def lacking(record: dict[str, Any], kind: str, *needed: str) -> LineError:
    """Word why a record is not of a kind: the needed fields that it lacks, and what it has.

    A record that lacks one of them only, and has another by which the kind is known, is near.
    """
    missing = [name for name in needed if record.get(name) in NOTHING]
    found = [name for name in needed if name not in missing]
    near = len(found) if len(missing) == 1 and any(map(_TELLING.search, found)) else 0
    words = f"{kind}: it has no {listed(missing)}" if missing else kind
    return LineError(f"{words}{first_keys(record)}", near)


def first_keys(record: dict[str, Any]) -> str:
    """Word the end of a reason: `; its first keys are eventType and uuid`."""
    keys = [str(key)[:LONGEST_KEY] for key in islice(record, SHOWN_KEYS)]
    if not keys:
        return "; it has no keys"
    return f"; its first keys are {listed(keys)}" if len(keys) > 1 else f"; its key is {keys[0]}"


def listed(words: Sequence[str]) -> str:
    """List words as `a`, `a and b`, or `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


@dataclass(frozen=True)
class Parsed:
    """A line that became an event.

    ``event`` is in the contract's input shape (``occurred_at`` may be a datetime). ``order`` is
    the line's place, from 0, among the file's lines of the same instant; it never passes
    LAST_ORDER, for the id has 12 bits for it. It is None where the id must not depend on the file:
    the source gives its events ids of their own. ``id`` is that of an event of the product's files.
    """

    line: int
    event: dict[str, Any]
    order: int | None = None
    id: UUID | None = None
    byte: int | None = None


@dataclass(frozen=True)
class Refused:
    """A line that became none, and why. ``byte`` is where it begins, if lines do not tell."""

    line: int
    reason: str
    byte: int | None = None
    near: int = 0
    """See LineError."""

    @property
    def place(self) -> str:
        """`line 12`, or `record 12 at byte 4,711`."""
        if self.byte is None:
            return f"line {self.line:,}"
        return f"record {self.line:,} at byte {self.byte:,}"


LAST_ORDER = 4095
