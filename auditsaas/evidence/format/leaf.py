"""Makes the leaf of an event: sixteen salted slots, folded into one hash beside number and time.

Filters and erasure have the slots as their grain: one can be shown without the others, and one
whose salt is destroyed says nothing any more while the leaf stays provable. The format is for ever.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from auditsaas.db.ids import EPOCH
from auditsaas.evidence.format.canonical import canonical

SLOTS: Final = 16
SEED_BYTES: Final = 16
SALT_BYTES: Final = 16
HASH_BYTES: Final = 32
PREIMAGE_BYTES: Final = 40
"""What is kept of a leaf: its time and the hash of its fields."""

ID, RECEIVED_AT, ACTIVITY, STATUS, METHOD, ACTOR_ID, PERSON, STANDING = range(8)
IP, CLIENT, HTTP, TARGETS, CHANGES, METADATA, IDEMPOTENCY_KEY, OTHER = range(8, SLOTS)

SLOT_NAMES: Final = (
    *("id", "received_at", "activity", "status", "method", "actor.id", "actor.name, actor.email"),
    *("actor.role, actor.status", "ip", "user_agent, platform, browser"),
    *("path, status_code, duration_ms, request_id", "targets", "changes", "metadata"),
    *("idempotency_key", "source"),
)
"""The fields of each slot, as people read them."""

NEVER_SEALED: Final = -(1 << 63)
"""The time in the leaf of a number whose event was gone before the log was first sealed."""
NO_FIELDS: Final = bytes(HASH_BYTES)
"""The fields in the leaf of such a number."""

_PLAIN: Final = {
    "id": ID,
    "activity": ACTIVITY,
    "status": STATUS,
    "method": METHOD,
    "ip": IP,
    "targets": TARGETS,
    "changes": CHANGES,
    "metadata": METADATA,
    "idempotency_key": IDEMPOTENCY_KEY,
}
_GROUPED: Final = {
    **dict.fromkeys(("user_agent", "platform", "browser"), CLIENT),
    **dict.fromkeys(("path", "status_code", "duration_ms", "request_id"), HTTP),
}
_OF_ACTOR: Final = {"name": PERSON, "email": PERSON, "role": STANDING, "status": STANDING}
_IN_THE_LEAF: Final = frozenset({"seq", "occurred_at", "workspace"})
"""Fields in no slot; the slug of the workspace is in no leaf, for it changes."""

Parts = list[Any]
"""The values of the sixteen slots; None for one that the event has not."""

_INDEXES: Final = [bytes((index,)) for index in range(SLOTS)]


def parts_of(event: Mapping[str, Any]) -> Parts:
    """Return the sixteen parts of a stored event, as the API gives it (``events.stored``).

    Raises:
        ValueError: its actor holds a field that has no slot.
    """
    parts: Parts = [None] * SLOTS
    for name, value in event.items():
        if name in _PLAIN:
            parts[_PLAIN[name]] = value
        elif name == "received_at":
            parts[RECEIVED_AT] = micros_of(value)
        elif name == "actor":
            _take_actor(parts, value)
        elif name not in _IN_THE_LEAF:
            _add(parts, _GROUPED.get(name, OTHER), name, value)
    return parts


def micros_of(moment: str | datetime) -> int:
    """Return whole microseconds since 1970 of an instant, or of its text in RFC 3339."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return (moment - EPOCH) // timedelta(microseconds=1)


def salts_of(seed: bytes) -> list[bytes]:
    """Derive the sixteen salts of an event from its seed."""
    made = hashlib.shake_256(seed).digest(SLOTS * SALT_BYTES)
    return [made[start : start + SALT_BYTES] for start in range(0, len(made), SALT_BYTES)]


def slot_hash(index: int, salt: bytes, part: Any) -> bytes:
    """Hash one part of an event with its salt."""
    value = b"\0" if part is None else b"\1" + canonical(part)
    return hashlib.sha256(b"\0" + salt + _INDEXES[index] + value).digest()


def slot_hashes(parts: Parts, seed: bytes) -> list[bytes]:
    """Hash the sixteen parts of an event with the salts of its seed."""
    salted = zip(salts_of(seed), parts, strict=True)
    return [slot_hash(index, salt, part) for index, (salt, part) in enumerate(salted)]


def fields_hash(slots: Sequence[bytes]) -> bytes:
    """Fold the sixteen slot hashes into the hash of the event's fields."""
    sha256, level = hashlib.sha256, list(slots)
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=True)
        level = [sha256(b"\1" + left + right).digest() for left, right in pairs]
    return level[0]


def preimage(occurred_at: int, fields: bytes) -> bytes:
    """Build what is kept of a leaf, 40 bytes, from its time in µs since 1970 and its fields."""
    return struct.pack(">q", occurred_at) + fields


def read_preimage(kept: bytes) -> tuple[int, bytes]:
    """Return the time in µs since 1970 and the fields of a leaf, from what is kept of it."""
    return struct.unpack(">q", kept[:8])[0], kept[8:]


def leaf_hash(seq: int, kept: bytes) -> bytes:
    """Hash the leaf of a number from what is kept of it."""
    return hashlib.sha256(b"\0\1" + struct.pack(">Q", seq) + kept).digest()


def preimage_of(event: Mapping[str, Any], seed: bytes) -> bytes:
    """Build what is kept of a stored event's leaf."""
    fields = fields_hash(slot_hashes(parts_of(event), seed))
    return preimage(micros_of(event["occurred_at"]), fields)


def _take_actor(parts: Parts, actor: Mapping[str, Any]) -> None:
    for name, value in actor.items():
        if name == "id":
            parts[ACTOR_ID] = value
        elif name in _OF_ACTOR:
            _add(parts, _OF_ACTOR[name], name, value)
        else:
            raise ValueError(f"an actor has no field {name}")


def _add(parts: Parts, slot: int, name: str, value: Any) -> None:
    if parts[slot] is None:
        parts[slot] = {}
    parts[slot][name] = value
