"""Proves events whose words were erased: by hashes of what went, and salts of what stayed.

The seed of such an event is destroyed, so nothing tests a guess at what it said. What an erased
slot looks like since is fixed, and a checker accepts nothing else there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.evidence.format import leaf
from auditsaas.evidence.models import erasures

NO_SEED: Final = bytes(leaf.SEED_BYTES)
"""The seed of an event that was erased, or that retention removed."""
NO_SALT: Final = bytes(leaf.SALT_BYTES)
PSEUDONYM: Final = re.compile("erased-[0-9a-f]{12}")
"""How the id of a person reads that was erased; the same for one person in one workspace."""
NO_CLIENT: Final[Mapping[str, str]] = {"platform": "Other", "browser": ""}
"""What an erased slot 9 holds, whose columns are never empty."""


@dataclass(frozen=True)
class Kept:
    """Hashes and salts that prove one event whose words were erased."""

    seq: int
    hashes: Mapping[int, bytes]
    """The hashes of the slots that were erased, by slot."""
    salts: Sequence[bytes]
    """The sixteen salts, zeros for the slots that were erased."""

    @property
    def slots(self) -> tuple[int, ...]:
        return tuple(self.hashes)


class NotErased(ValueError):
    """A slot that was erased holds a value that no erasure leaves there."""

    def __init__(self, slot: int) -> None:
        super().__init__(f"{leaf.SLOT_NAMES[slot]} was erased, and has a value again")
        self.slot = slot


def kept(session: Session, workspace_id: UUID, first: int, last: int) -> Iterator[Kept]:
    """Yield what proves each erased event of the numbers first … last, in their order."""
    found = (
        select(erasures.c.seq, erasures.c.slots, erasures.c.hashes, erasures.c.salts)
        .where(erasures.c.workspace_id == workspace_id, erasures.c.seq.between(first, last))
        .order_by(erasures.c.seq)
    )
    for row in session.execute(found):
        yield read(row.seq, row.slots, row.hashes, row.salts)


def kept_by_seq(session: Session, workspace_id: UUID, first: int, last: int) -> dict[int, Kept]:
    """Return the same by number."""
    return {one.seq: one for one in kept(session, workspace_id, first, last)}


def read(seq: int, slots: Sequence[int], hashes: bytes, salts: bytes) -> Kept:
    """Read the row of an erased event, as ``written`` made it."""
    wide, high = leaf.HASH_BYTES, leaf.SALT_BYTES
    return Kept(
        seq,
        {slot: hashes[wide * at : wide * (at + 1)] for at, slot in enumerate(slots)},
        [salts[high * at : high * (at + 1)] for at in range(leaf.SLOTS)],
    )


def written(one: Kept) -> dict[str, Any]:
    """Write what proves an erased event as the values of its row."""
    return {
        "slots": list(one.hashes),
        "hashes": b"".join(one.hashes.values()),
        "salts": b"".join(one.salts),
    }


def slot_hashes(parts: leaf.Parts, one: Kept) -> list[bytes]:
    """Hash the sixteen parts of an erased event as it is now.

    Raises:
        NotErased: a slot that was erased holds a value that no erasure leaves there.
    """
    found = []
    for slot, part in enumerate(parts):
        if slot not in one.hashes:
            found.append(leaf.slot_hash(slot, one.salts[slot], part))
            continue
        if not is_erased(slot, part):
            raise NotErased(slot)
        found.append(one.hashes[slot])
    return found


def hashes_of_values(values: Sequence[bytes], one: Kept) -> list[bytes]:
    """Hash the same from the values of the slots, as ``tree.rows`` reads them from the log.

    Raises:
        NotErased: a slot that was erased holds a value that no erasure leaves there.
    """
    found = []
    for slot, value in enumerate(values):
        if slot not in one.hashes:
            found.append(sha256(b"\0" + one.salts[slot] + bytes((slot,)) + value).digest())
            continue
        if not is_erased(slot, None if value == b"\0" else _decoded(value)):
            raise NotErased(slot)
        found.append(one.hashes[slot])
    return found


def is_erased(slot: int, part: Any) -> bool:
    """Tell whether an erased slot looks as an erasure leaves it."""
    if slot == leaf.ACTOR_ID:
        return isinstance(part, str) and PSEUDONYM.fullmatch(part) is not None
    if slot == leaf.CLIENT:
        return bool(part == NO_CLIENT)
    return part is None


def _decoded(value: bytes) -> Any:
    """Read the value of a slot; one that the product does not write is itself, and no value."""
    return msgspec.json.decode(value[1:]) if value[:1] == b"\1" else value
