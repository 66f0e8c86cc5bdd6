"""Makes what will prove events once their words are erased, and destroys their seeds.

Each event is first compared with what was sealed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from auditsaas.evidence import erased
from auditsaas.evidence.erased import NO_SALT, Kept, NotErased
from auditsaas.evidence.format import leaf
from auditsaas.evidence.models import TILE, erasures, tree_leaves
from auditsaas.evidence.tree.rows import StoredValues


class NotAsSealed(Exception):
    """An event is not what was sealed, so nothing is erased from it."""

    def __init__(self, seq: int) -> None:
        super().__init__(f"Event {seq:,} is not what was sealed. Check the log first.")
        self.seq = seq


@dataclass
class Tile:
    """Preimages of up to 256 leaves, and their seeds as they shall be."""

    preimages: bytes
    seeds: bytearray


def tiles_of(session: Session, workspace_id: UUID, numbers: Sequence[int]) -> dict[int, Tile]:
    found = session.execute(
        select(tree_leaves.c.n, tree_leaves.c.preimages, tree_leaves.c.seeds).where(
            tree_leaves.c.workspace_id == workspace_id, tree_leaves.c.n.in_(numbers)
        )
    )
    return {row.n: Tile(row.preimages, bytearray(row.seeds)) for row in found}


def erased_before(session: Session, workspace_id: UUID, seqs: Sequence[int]) -> dict[int, Kept]:
    """Read what proves those of the events that were erased in part already."""
    found = select(erasures).where(
        erasures.c.workspace_id == workspace_id, erasures.c.seq.in_(seqs)
    )
    return {
        row.seq: erased.read(row.seq, row.slots, row.hashes, row.salts)
        for row in session.execute(found)
    }


def proof(
    seq: int,
    stored: StoredValues | None,
    tiles: Mapping[int, Tile],
    before: Kept | None,
    slots: Sequence[int],
) -> Kept:
    """Make what will prove an event once these slots are erased too.

    Raises:
        NotAsSealed: it is not what was sealed.
    """
    number, place = divmod(seq - 1, TILE)
    tile = tiles.get(number)
    if stored is None or tile is None:
        raise NotAsSealed(seq)
    if before is None:
        seed = bytes(tile.seeds[place * leaf.SEED_BYTES : (place + 1) * leaf.SEED_BYTES])
        before = Kept(seq, {}, leaf.salts_of(seed))
    try:
        hashes = erased.hashes_of_values(stored.values, before)
    except NotErased as error:
        raise NotAsSealed(seq) from error
    sealed = tile.preimages[place * leaf.PREIMAGE_BYTES : (place + 1) * leaf.PREIMAGE_BYTES]
    if leaf.preimage(stored.occurred_at, leaf.fields_hash(hashes)) != sealed:
        raise NotAsSealed(seq)
    gone = sorted({*before.hashes, *slots})
    salts = [NO_SALT if slot in gone else salt for slot, salt in enumerate(before.salts)]
    return Kept(seq, {slot: hashes[slot] for slot in gone}, salts)


def destroy_seeds(
    session: Session, workspace_id: UUID, tiles: Mapping[int, Tile], seqs: Sequence[int]
) -> None:
    for seq in seqs:
        number, place = divmod(seq - 1, TILE)
        start = place * leaf.SEED_BYTES
        tiles[number].seeds[start : start + leaf.SEED_BYTES] = erased.NO_SEED
    for number, tile in tiles.items():
        session.execute(
            update(tree_leaves)
            .where(tree_leaves.c.workspace_id == workspace_id, tree_leaves.c.n == number)
            .values(seeds=bytes(tile.seeds))
        )
