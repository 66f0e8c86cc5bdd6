"""What becomes of one line or record of an imported file; shared by all formats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID


class LineError(ValueError):
    """A line that cannot be understood; ``reason`` is a phrase for the operator."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Parsed:
    """A line that became an event.

    ``event`` is in the contract's input shape (``occurred_at`` may be a datetime). ``order`` is
    the line's place, from 0, among the file's lines of the same instant; it never passes
    LAST_ORDER, for the id has 12 bits for it. It is None where the id must not depend on the file:
    the source gives its events ids of their own. ``id`` is the id of an event that is one of ours.
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

    @property
    def place(self) -> str:
        """`line 12`, or `record 12 at byte 4,711`."""
        if self.byte is None:
            return f"line {self.line:,}"
        return f"record {self.line:,} at byte {self.byte:,}"


LAST_ORDER = 4095
