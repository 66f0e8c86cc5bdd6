"""Reads the stored tree of a log: its size and root, its nodes, and what is kept of each leaf.

A node is read from the tile that holds it, so that a proof of one event in millions reads a handful
of tiles.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from sqlalchemy import Column, LargeBinary, select
from sqlalchemy.orm import Session

from auditsaas.errors import Gone
from auditsaas.evidence.format import merkle
from auditsaas.evidence.format.leaf import HASH_BYTES, PREIMAGE_BYTES, SEED_BYTES, leaf_hash
from auditsaas.evidence.models import TILE, tree_heads, tree_leaves, tree_tiles

TILE_LEVELS: Final = 8
"""Levels of the tree within a tile: it has 2^8 hashes."""
_CACHED: Final = 256
_READ: Final = 64
"""Tiles that are read by one statement where many follow one another."""


class TreePruned(Gone):
    """Leaves that are asked for were removed for their age (``upkeep.pruning``)."""

    title = "No longer kept"

    def __init__(self, pruned_to: int) -> None:
        super().__init__(
            f"What proves the numbers up to {pruned_to:,} was removed for its age"
            " (TREE_KEEP_YEARS). Begin after it."
        )


class TreeDamaged(Exception):
    """Stored hashes of a tree are missing, or do not fold to one another."""


class Tree:
    """The tree of a log as it is, or as it was when it had ``size`` leaves."""

    def __init__(self, session: Session, workspace_id: UUID, size: int) -> None:
        self.workspace_id = workspace_id
        self.size = size
        self._session = session
        self._tiles: OrderedDict[tuple[int, int], list[bytes]] = OrderedDict()
        self._root: bytes | None = None

    @classmethod
    def of(cls, session: Session, workspace_id: UUID, size: int | None = None) -> Tree:
        """Open the tree of a log, which the session's scope must hold.

        Raises:
            ValueError: it has fewer than ``size`` leaves.
        """
        found = select(tree_heads.c.size).where(tree_heads.c.workspace_id == workspace_id)
        grown = session.scalar(found) or 0
        if size is not None and not 0 <= size <= grown:
            raise ValueError(f"the tree has {grown:,} leaves, not {size:,}")
        return cls(session, workspace_id, grown if size is None else size)

    @property
    def root(self) -> bytes:
        """Its root hash, folded from what is stored."""
        if self._root is None:
            self._root = merkle.root(self.size, self.node)
        return self._root

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of leaves index·2^level … (index+1)·2^level (a ``merkle.Node``).

        Raises:
            TreeDamaged: it is not stored.
        """
        tile_level, within = divmod(level, TILE_LEVELS)
        number, first = divmod(index << within, TILE)
        hashes = self.tile(tile_level, number)[first : first + (1 << within)]
        if len(hashes) != 1 << within:
            raise self._lacking(tile_level, number)
        return merkle.root_of(hashes)

    def tile(self, level: int, number: int) -> list[bytes]:
        """Read the hashes of a tile, as many as it has; none of one that is not stored."""
        place = (level, number)
        if place not in self._tiles:
            self._tiles[place] = self._read(level, number)
            if len(self._tiles) > _CACHED:
                self._tiles.popitem(last=False)
        self._tiles.move_to_end(place)
        return self._tiles[place]

    def preimages(self, first: int, last: int) -> Iterator[bytes]:
        """Yield what is kept of the leaves of numbers first … last, 40 bytes each."""
        return self._parts(tree_leaves.c.preimages, PREIMAGE_BYTES, first, last)

    def seeds(self, first: int, last: int) -> Iterator[bytes]:
        """Yield the seeds of numbers first … last, 16 bytes each; zeros where destroyed."""
        return self._parts(tree_leaves.c.seeds, SEED_BYTES, first, last)

    def _parts(
        self, column: Column[LargeBinary], width: int, first: int, last: int
    ) -> Iterator[bytes]:
        if not 1 <= first <= last <= self.size:
            raise ValueError(f"a tree of {self.size:,} has no numbers {first:,} … {last:,}")
        for number in range((first - 1) // TILE, (last - 1) // TILE + 1, _READ):
            end = min(number + _READ, (last - 1) // TILE + 1)
            stored = self._stored(column, number, end)
            for tile in range(number, end):
                low, high = max(first - 1 - tile * TILE, 0), min(last - tile * TILE, TILE)
                held = stored.get(tile, b"")
                if len(held) < high * width:
                    raise self._lacking(0, tile)
                yield from cut(held[low * width : high * width], width)

    def _stored(self, column: Column[LargeBinary], number: int, end: int) -> dict[int, bytes]:
        found = select(tree_leaves.c.n, column).where(
            tree_leaves.c.workspace_id == self.workspace_id,
            tree_leaves.c.n >= number,
            tree_leaves.c.n < end,
        )
        return {row[0]: row[1] for row in self._session.execute(found)}

    def _read(self, level: int, number: int) -> list[bytes]:
        if level == 0:
            return self._leaf_hashes(number)
        found = select(tree_tiles.c.hashes).where(
            tree_tiles.c.workspace_id == self.workspace_id,
            tree_tiles.c.level == level,
            tree_tiles.c.n == number,
        )
        return cut(self._session.scalar(found) or b"", HASH_BYTES)

    def _lacking(self, level: int, number: int) -> Exception:
        """Tell apart what was removed for its age from what should be there."""
        mine = tree_heads.c.workspace_id == self.workspace_id
        pruned = self._session.scalar(select(tree_heads.c.pruned_to).where(mine)) or 0
        if level == 0 and number * TILE < pruned:
            return TreePruned(pruned)
        return TreeDamaged(f"tile {level}/{number} of the tree is not whole")

    def _leaf_hashes(self, number: int) -> list[bytes]:
        held = self._stored(tree_leaves.c.preimages, number, number + 1).get(number, b"")
        first = number * TILE + 1
        return [leaf_hash(first + at, one) for at, one in enumerate(cut(held, PREIMAGE_BYTES))]


def cut(data: bytes, width: int) -> list[bytes]:
    """Part bytes into pieces of a width."""
    return [data[start : start + width] for start in range(0, len(data), width)]
