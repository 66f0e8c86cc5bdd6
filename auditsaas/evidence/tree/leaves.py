"""Makes the leaves of events that the tree has not yet, each with a seed of its own."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.evidence.format import leaf
from auditsaas.evidence.format.leaf import SEED_BYTES
from auditsaas.evidence.format.locators import Sums
from auditsaas.evidence.models import TILE, tree_leaves
from auditsaas.evidence.tree import rows

VACANT: Final = leaf.preimage(leaf.NEVER_SEALED, leaf.NO_FIELDS)
"""What is kept of a number without an event."""


@dataclass
class Leaves:
    """Leaves of numbers that follow one another, and what was wrong with their events."""

    preimages: list[bytes] = field(default_factory=list)
    seeds: bytearray = field(default_factory=bytearray)
    sums: dict[int, Sums] = field(default_factory=dict)
    """By tile (``format.locators``)."""
    missing: list[int] = field(default_factory=list)
    doubled: list[int] = field(default_factory=list)
    unreadable: dict[int, list[str]] = field(default_factory=dict)
    """By number, the fields that hold what the product does not write."""


def make(session: Session, workspace_id: UUID, first: int, last: int) -> Leaves:
    """Make the leaves of numbers first … last from the log.

    A number without an event has a leaf that says so, and no seed. Of several events of one number,
    which the product does not write, the one of the smallest id has the leaf.
    """
    made = Leaves()
    seeds = os.urandom((last - first + 1) * SEED_BYTES)
    begun, ended = (first - 1) // TILE, (last - 1) // TILE
    made.sums = {tile: Sums() for tile in range(begun, ended + 1)}
    made.sums[begun] = _sums_before(session, workspace_id, first)
    for event in rows.read(session, workspace_id, first, last):
        at = event.seq - first
        if at < len(made.preimages):
            made.doubled.append(event.seq)
            continue
        _leave_vacant(made, first, event.seq)
        seed = seeds[at * SEED_BYTES : (at + 1) * SEED_BYTES]
        hashes = rows.slot_hashes(event.values, seed)
        made.preimages.append(leaf.preimage(event.occurred_at, leaf.fields_hash(hashes)))
        made.seeds += seed
        tile, place = divmod(event.seq - 1, TILE)
        made.sums[tile].add(place, hashes)
        if event.unreadable:
            made.unreadable[event.seq] = event.unreadable
    _leave_vacant(made, first, last + 1)
    return made


def _leave_vacant(made: Leaves, first: int, until: int) -> None:
    """Fill the numbers below ``until`` that have no event."""
    there = first + len(made.preimages)
    made.missing += range(there, until)
    made.preimages += [VACANT] * (until - there)
    made.seeds += bytes((until - there) * SEED_BYTES)


def _sums_before(session: Session, workspace_id: UUID, first: int) -> Sums:
    """Read the sums of the tile that a number goes into, as far as it has leaves.

    The tile is locked, for an erasure may be about to destroy a seed of it.
    """
    tile, place = divmod(first - 1, TILE)
    if not place:
        return Sums()
    found = select(tree_leaves.c.locators).where(
        tree_leaves.c.workspace_id == workspace_id, tree_leaves.c.n == tile
    )
    return Sums(session.scalar(found.with_for_update()))
