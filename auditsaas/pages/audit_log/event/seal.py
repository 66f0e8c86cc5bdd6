"""Presents the seal of an event, and the ladder of hashes that proves it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.orm import Session

from auditsaas.evidence import event_seals
from auditsaas.evidence.event_seals import EventSeal
from auditsaas.evidence.format import leaf, merkle
from auditsaas.formatting import times
from auditsaas.formatting.viewer import Viewer

DUE_AFTER: Final = timedelta(minutes=1)
"""Within which an event is to be sealed."""
LEFT, RIGHT, WIDTH, GAP = 23.0, 537.0, 560, 3.0
LOWEST, HIGHEST, BASE = 4.0, 38.5, 43.0


@dataclass(frozen=True)
class Step:
    """A bar of the ladder: a hash of the proof, and how many events are under it."""

    kind: str
    """`l` for events before this one, `r` for events after it."""
    words: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class ShownSeal:
    """The line in the head of an event, and what its proof is made of."""

    look: str
    """`waits`, `checked`, `differs` or nothing."""
    icon: str
    lead: str
    words: str
    number: int
    seal: EventSeal | None = None
    steps: tuple[Step, ...] = ()


def describe_seal(session: Session, row: Row[Any], viewer: Viewer, now: datetime) -> ShownSeal:
    """Describe how an event is sealed."""
    seal = event_seals.of_event(session, row.workspace_id, row.seq)
    lead = f"In the log since {times.recent(row.received_at, now, viewer)},"
    if seal is None:
        look, icon, words = "waits", "hourglass", _waits(row.received_at, now, viewer)
    elif seal.found_at is not None:
        look, icon, lead = "differs", "shield-x", "Changed after it was sealed."
        at = times.recent(seal.found_at, now, viewer)
        words = f"Number {row.seq:,} wasn’t what was sealed when it was checked, {at}."
    else:
        look, icon, words = _sealed(seal, row.received_at, now, viewer)
    return ShownSeal(
        look=look,
        icon=icon,
        lead=lead,
        words=words if look == "differs" else f"number {row.seq:,}. {words}",
        number=row.seq,
        seal=seal,
        steps=tuple(_ladder(row.seq - 1, seal.size)) if seal else (),
    )


def confirmed(seal: ShownSeal, viewer: Viewer, now: datetime) -> ShownSeal:
    """Say that an event was found as it was sealed just now."""
    words = f"as it was sealed, number {seal.number:,}."
    lead = f"Checked {times.recent(now, now, viewer)}:"
    return replace(seal, look="checked", icon="shield-check", lead=lead, words=words)


def contradicted(seal: ShownSeal, viewer: Viewer, now: datetime) -> ShownSeal:
    """Say that an event was found not to be as it was sealed just now."""
    words = (
        f"Checked {times.recent(now, now, viewer)}: number {seal.number:,} isn’t what was sealed. A"
        " check of everything is under way, which names what differs."
    )
    lead = "Changed after it was sealed."
    return replace(seal, look="differs", icon="shield-x", lead=lead, words=words)


def _sealed(
    seal: EventSeal, received_at: datetime, now: datetime, viewer: Viewer
) -> tuple[str, str, str]:
    """Return the look, the icon and the words of an event that is as it was sealed."""
    at = times.recent(seal.sealed_at, now, viewer)
    if seal.erased_at is not None:
        fields = ", ".join(leaf.SLOT_NAMES[slot] for slot in seal.erased)
        erased_at = times.recent(seal.erased_at, now, viewer)
        return "", "eraser", f"Erased {erased_at}: {fields}. The rest still proves."
    if seal.from_before and seal.sealed_at - received_at > DUE_AFTER:
        late = f"Sealed {at}, when sealing began: an earlier change can’t be seen."
        return "waits", "hourglass", late
    return "", "shield-check", f"Sealed {at}{_held(seal)}."


def _held(seal: EventSeal) -> str:
    """Say how many witnesses hold an event, of a log that has any."""
    if not seal.witnesses:
        return ""
    held = len(seal.held_by)
    if not held:
        return ". No witness has seen it yet"
    return f", held by {held} {'witness' if held == 1 else 'witnesses'}"


def _waits(received_at: datetime, now: datetime, viewer: Viewer) -> str:
    due = received_at + DUE_AFTER
    if due < now:
        return "Not sealed yet, which is later than it should be."
    return f"Not sealed yet: the next seal is due by {times.recent(due, now, viewer)}."


def _ladder(index: int, size: int) -> Iterator[Step]:
    """Draw the hashes between an event and the root, by the events under each."""
    spans = merkle.beside(index, size)
    each = (RIGHT - LEFT) / max(len(spans), 1)
    most = max((math.log2(high - low) for low, high in spans), default=1.0) or 1.0
    for at, (low, high) in enumerate(spans):
        height = LOWEST + (HIGHEST - LOWEST) * math.log2(high - low) / most
        kind, side = ("l", "before") if low < index else ("r", "after")
        events = "1 event" if high - low == 1 else f"{high - low:,} events"
        yield Step(
            kind,
            f"Step {at + 1}: {events} {side}",
            round(LEFT + at * each, 1),
            round(BASE - height, 1),
            round(each - GAP, 1),
            round(height, 1),
        )
