"""Looks at tiles: the events of 256 numbers beside what the tree keeps of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.evidence import erased
from auditsaas.evidence.erased import NO_SEED, Kept, NotErased
from auditsaas.evidence.format import leaf, merkle
from auditsaas.evidence.format.leaf import HASH_BYTES, PREIMAGE_BYTES, SEED_BYTES, leaf_hash
from auditsaas.evidence.format.locators import Remainder, Sums
from auditsaas.evidence.models import TILE, tree_leaves, tree_tiles
from auditsaas.evidence.tree import rows
from auditsaas.evidence.tree.rows import ABSENT, PRESENT, StoredValues
from auditsaas.evidence.tree.store import cut

VACANT: Final = leaf.preimage(leaf.NEVER_SEALED, leaf.NO_FIELDS)
_decode: Final = msgspec.json.Decoder().decode
_LATER: Final = 1 << 62
NO_REMAINDER: Final = Remainder(0, 0)


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A tile of leaves as it is stored, with the rows that the log has of its numbers."""

    n: int
    width: int
    """How many leaves it has to have."""
    preimages: Sequence[bytes]
    seeds: Sequence[bytes]
    locators: bytes | None
    above: bytes | None
    """The hash that the level above keeps of it; None where the tile is not full."""
    rows: Mapping[int, Sequence[StoredValues]]
    erased: Mapping[int, Kept]

    @property
    def first(self) -> int:
        return self.n * TILE + 1

    @property
    def last(self) -> int:
        return self.n * TILE + self.width

    @property
    def is_whole(self) -> bool:
        return len(self.preimages) == len(self.seeds) == self.width

    @cached_property
    def leaves(self) -> list[bytes]:
        """The hashes of its leaves, of what is stored."""
        return [leaf_hash(self.first + at, kept) for at, kept in enumerate(self.preimages)]


@dataclass
class Look:
    """The differences of a tile, by sequence numbers."""

    tile: Tile
    taken: dict[int, StoredValues] = field(default_factory=dict)
    """The row that stands for each number."""
    slots: dict[int, Sequence[bytes]] = field(default_factory=dict)
    """Its slot hashes, with the number's own seed."""
    changed: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    """Removed by retention, as far as a time and a cut can tell."""
    unproven: list[int] = field(default_factory=list)
    """There, and their seed is destroyed, so that nothing proves them."""
    refilled: dict[int, int] = field(default_factory=dict)
    """The slot of each that was erased, and holds a value again."""
    extra: list[StoredValues] = field(default_factory=list)
    odd_times: bool = False
    """Whether the time of an event is not that of its id, so that one of them was changed."""

    @property
    def leaves_fit(self) -> bool:
        """Whether the stored leaves fold to the hash that the level above keeps."""
        above = self.tile.above
        return above is None or merkle.root_of(self.tile.leaves) == above

    @property
    def remainder(self) -> Remainder | None:
        """The part of the tile's locators that its rows do not explain; None where unknown."""
        going = any(self.seed(seq) != NO_SEED for seq in self.gone)
        if self.tile.locators is None or going or self.unproven:
            return None
        sums = Sums()
        for seq, slots in self.slots.items():
            sums.add(seq - self.tile.first, slots)
        return sums.less(self.tile.locators)

    @property
    def is_sound(self) -> bool:
        wrong = self.changed or self.missing or self.unproven or self.refilled or self.extra
        if wrong or self.odd_times or not (self.tile.is_whole and self.leaves_fit):
            return False
        return self.remainder in (None, NO_REMAINDER)

    def kept(self, seq: int) -> bytes:
        """Return what the tree keeps of a number."""
        return self.tile.preimages[seq - self.tile.first]

    def seed(self, seq: int) -> bytes:
        return self.tile.seeds[seq - self.tile.first]

    def lose(self, seq: int) -> None:
        """Treat the row of a number as another number's, so that its own event is missing."""
        self.changed.remove(seq)
        self.missing.append(seq)
        del self.taken[seq], self.slots[seq]

    def take(self, seq: int, row: StoredValues) -> None:
        """Take a row that was found elsewhere as the one of a number."""
        self.taken[seq], self.slots[seq] = row, rows.slot_hashes(row.values, self.seed(seq))
        for numbers in (self.changed, self.missing):
            if seq in numbers:
                numbers.remove(seq)


def read_tiles(
    session: Session, workspace_id: UUID, first: int, last: int, size: int
) -> Iterator[Tile]:
    """Read the tiles first … last of a tree of ``size``, in one snapshot of the session's.

    A tile that is not stored, or not whole, is read as far as it is.
    """
    stored = _stored(session, workspace_id, first, last)
    above = _above(session, workspace_id, first, last)
    low, high = first * TILE + 1, min((last + 1) * TILE, size)
    found: dict[int, list[StoredValues]] = {}
    for row in rows.read(session, workspace_id, low, high):
        found.setdefault(row.seq, []).append(row)
    words = erased.kept_by_seq(session, workspace_id, low, high)
    for n in range(first, last + 1):
        kept = stored.get(n)
        numbers = range(n * TILE + 1, min((n + 1) * TILE, size) + 1)
        yield Tile(
            n=n,
            width=len(numbers),
            preimages=cut(kept.preimages, PREIMAGE_BYTES)[: len(numbers)] if kept else [],
            seeds=cut(kept.seeds, SEED_BYTES)[: len(numbers)] if kept else [],
            # Those of a tile that grew since are of more leaves than these.
            locators=kept.locators if kept and len(kept.seeds) == 16 * len(numbers) else None,
            above=above.get(n) if len(numbers) == TILE else None,
            rows={seq: found[seq] for seq in numbers if seq in found},
            erased={seq: words[seq] for seq in numbers if seq in words},
        )


def look(tile: Tile, cut_at: int) -> Look:
    """Compare the events of a tile with its leaves.

    ``cut_at`` is the time in µs before which retention may have removed events.
    """
    found = Look(tile)
    for seq, (kept, seed) in enumerate(zip(tile.preimages, tile.seeds, strict=False), tile.first):
        there = tile.rows.get(seq, ())
        if kept == VACANT:
            found.extra += there
        elif not there:
            late = leaf.read_preimage(kept)[0] >= cut_at
            (found.missing if late else found.gone).append(seq)
        elif seq in tile.erased:
            _look_at_erased(found, seq, there, tile.erased[seq])
        elif seed == NO_SEED:
            found.unproven.append(seq)
            found.taken[seq] = there[0]
            found.extra += there[1:]
        else:
            _look_at(found, seq, there, kept, seed)
    return found


def added_up(session: Session, workspace_id: UUID, n: int, size: int) -> bytes | None:
    """Add up the locators of a tile's events anew, after seeds of others were destroyed.

    Returns None where no event is left, or one is not as it was sealed.
    """
    [tile] = read_tiles(session, workspace_id, n, n, size)
    found = look(tile, _LATER)
    if not found.slots or found.changed or found.unproven or found.refilled:
        return None
    sums = Sums()
    for seq, slots in found.slots.items():
        sums.add(seq - tile.first, slots)
    return sums.kept


def part_of(value: bytes) -> Any:
    """Return the part of an event that a slot's value writes: None where it is absent.

    What is no value of the format is returned as the text that is stored.
    """
    if value[:1] == ABSENT:
        return None
    return _decode(value[1:]) if value[:1] == PRESENT else value[1:].decode(errors="replace")


def millis_of(row: StoredValues) -> int:
    """Read the milliseconds of an event's time out of its id (UUIDv7)."""
    written = row.values[leaf.ID]
    return int(written[2:10] + written[11:15], 16)


def _look_at(
    found: Look, seq: int, there: Sequence[StoredValues], kept: bytes, seed: bytes
) -> None:
    hashed = [rows.slot_hashes(row.values, seed) for row in there]
    fitting = [
        at
        for at, (row, slots) in enumerate(zip(there, hashed, strict=True))
        if leaf.preimage(row.occurred_at, leaf.fields_hash(slots)) == kept
    ]
    mine = fitting[0] if fitting else 0
    if not fitting:
        found.changed.append(seq)
    found.taken[seq], found.slots[seq] = there[mine], hashed[mine]
    found.odd_times |= there[mine].occurred_at // 1000 != millis_of(there[mine])
    found.extra += [row for at, row in enumerate(there) if at != mine]


def _look_at_erased(found: Look, seq: int, there: Sequence[StoredValues], words: Kept) -> None:
    row, *others = there
    found.extra += others
    found.taken[seq] = row
    try:
        slots = erased.hashes_of_values(row.values, words)
    except NotErased as error:
        found.refilled[seq] = error.slot
        return
    found.slots[seq] = slots
    if leaf.preimage(row.occurred_at, leaf.fields_hash(slots)) != found.kept(seq):
        found.changed.append(seq)


def _stored(session: Session, workspace_id: UUID, first: int, last: int) -> dict[int, Any]:
    kept = tree_leaves.c
    found = select(kept.n, kept.preimages, kept.seeds, kept.locators).where(
        kept.workspace_id == workspace_id, kept.n.between(first, last)
    )
    return {row.n: row for row in session.execute(found)}


def _above(session: Session, workspace_id: UUID, first: int, last: int) -> dict[int, bytes]:
    found = select(tree_tiles.c.n, tree_tiles.c.hashes).where(
        tree_tiles.c.workspace_id == workspace_id,
        tree_tiles.c.level == 1,
        tree_tiles.c.n.between(first // TILE, last // TILE),
    )
    return {
        row.n * TILE + at: hashed
        for row in session.execute(found)
        for at, hashed in enumerate(cut(row.hashes, HASH_BYTES))
    }
