"""Findings: one difference between a log and its seal, named by number and field."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from auditsaas.evidence.format.canonical import canonical
from auditsaas.evidence.format.leaf import SLOT_NAMES

OCCURRED_AT: Final = "occurred_at"


class FindingKind(StrEnum):
    CHANGED = "changed"
    """An event has other values than were sealed."""
    REPLACED = "replaced"
    """Another event stands at the number."""
    MISSING = "missing"
    INSERTED = "inserted"
    """A row that was never appended stands in the log."""
    MOVED = "moved"
    """An event was given another number."""
    SWAPPED = "swapped"
    """Two events have changed places."""
    BEHIND = "behind"
    """The log ends before its seal does: it was rolled back."""
    SEAL = "seal"
    """The stored tree itself was changed."""
    CHECKPOINT = "checkpoint"
    """The log does not fit a checkpoint that was signed, seen or given away."""
    FORKED = "forked"
    """Other people hold another history of the log, so nothing is signed any more."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of a difference, sealed or found: a hash, and a value where it is known."""

    hash: str | None = None
    """Hexadecimal, of the slot."""
    value: Any = None
    """As the API gives it; None where it is absent, or not known."""
    known: bool = False
    """Whether ``value`` says it."""


@dataclass(frozen=True, kw_only=True)
class FieldDifference:
    """A field, or the fields of one slot, that differ."""

    field: str
    """As the API names it, such as ``changes``, or ``actor.name, actor.email``."""
    slot: int | None
    """None of ``occurred_at``, which stands beside the slots."""
    expected: Side
    found: Side


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A difference, in words and in hashes; ``seq`` … ``last_seq`` are the numbers concerned."""

    kind: FindingKind
    words: str
    """One sentence."""
    seq: int | None = None
    last_seq: int | None = None
    other_seq: int | None = None
    """Where the event stands now, of one that was moved, or the other of two that were swapped."""
    event_id: str | None = None
    """The event that is there now."""
    activity: str | None = None
    fields: Sequence[FieldDifference] = ()
    unnamed: str | None = None
    """Why no field is named, where an event was changed and none is."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else a person who looks into it needs: leaves, roots, checkpoints."""

    @property
    def fingerprint(self) -> bytes:
        """Hash what tells this difference from any other, and is the same at each check."""
        places = [self.kind.value, self.seq, self.last_seq, self.other_seq, self.event_id]
        found = [[each.slot, each.found.hash, str(each.found.value)] for each in self.fields]
        same = self.details.get("same_as")
        return hashlib.sha256(canonical([*places, found, same])).digest()

    def document(self) -> dict[str, Any]:
        """Build the JSON that is kept of it."""
        told: dict[str, Any] = {"kind": self.kind.value, "words": self.words}
        for name in ("seq", "last_seq", "other_seq", "event_id", "activity", "unnamed"):
            if getattr(self, name) is not None:
                told[name] = getattr(self, name)
        told["fields"] = [
            {
                "field": each.field,
                "slot": each.slot,
                "expected": _side(each.expected),
                "found": _side(each.found),
            }
            for each in self.fields
        ]
        return told | dict(self.details)


def slot_name(slot: int) -> str:
    """Return the fields of a slot, as people read them."""
    return SLOT_NAMES[slot]


def _side(side: Side) -> dict[str, Any]:
    told: dict[str, Any] = {} if side.hash is None else {"hash": side.hash}
    return told | ({"value": side.value} if side.known else {})
