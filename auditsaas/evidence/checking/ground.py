"""The ground that a check stands on: signed roots, and the hashes of all full tiles of leaves.

The stored levels above are not believed: roots are folded from the hashes of level 1 alone, which
the tiles themselves are compared with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.evidence.format import merkle, notes
from auditsaas.evidence.format.leaf import HASH_BYTES
from auditsaas.evidence.format.notes import NoteRefused, VerifierKey
from auditsaas.evidence.models import TILE, checkpoints, tree_heads, tree_tiles
from auditsaas.evidence.tree.keys import verifier_keys
from auditsaas.evidence.tree.store import Tree, cut

TILE_LEVEL: Final = 8


@dataclass(frozen=True)
class Signed:
    """A checkpoint as it is stored, and what is wrong with it by itself."""

    size: int
    root: bytes
    note: str
    wrong: str | None


class Ground:
    """The roots and hashes that the leaves of a log are held against."""

    def __init__(self, session: Session, workspace_id: UUID) -> None:
        self._session, self._workspace_id = session, workspace_id
        head = tree_heads.c.workspace_id == workspace_id
        columns = (tree_heads.c.size, tree_heads.c.root, tree_heads.c.pruned_to)
        found = session.execute(select(*columns).where(head))
        row = found.one_or_none()
        self.size: int = row.size if row else 0
        self.root: bytes = (row.root if row else None) or merkle.EMPTY
        self._spans: dict[tuple[int, int], bytes] = {}
        self._nodes: dict[tuple[int, int], bytes] = {}
        self._lost: set[int] = set(range(row.pruned_to // TILE if row else 0))
        self._mended: dict[int, Sequence[bytes]] = {}

    @cached_property
    def tree(self) -> Tree:
        return Tree(self._session, self._workspace_id, self.size)

    @cached_property
    def tiles(self) -> list[bytes]:
        """The stored hashes of all full tiles of leaves; empty ones where they are not stored."""
        found = select(tree_tiles.c.n, tree_tiles.c.hashes).where(
            tree_tiles.c.workspace_id == self._workspace_id, tree_tiles.c.level == 1
        )
        stored = {
            row.n * TILE + at: hashed
            for row in self._session.execute(found)
            for at, hashed in enumerate(cut(row.hashes, HASH_BYTES))
        }
        return [stored.get(n, b"") for n in range(self.size // TILE)]

    @cached_property
    def newest(self) -> Signed | None:
        """The newest checkpoint that is in order by itself."""
        found = self.signed(limit=10)
        return next((each for each in found if not each.wrong and each.size <= self.size), None)

    @cached_property
    def is_signed(self) -> bool:
        """Whether the stored hashes of full tiles fold to the newest signed root."""
        newest = self.newest
        return newest is not None and self.fits_at(newest.size, newest.root)

    def signed(self, *, limit: int) -> Iterator[Signed]:
        """Yield the newest checkpoints, and after them the older ones that are kept for good."""
        keys = [each.verifier for each in verifier_keys(self._session, self._workspace_id)]
        mine = select(checkpoints).where(checkpoints.c.workspace_id == self._workspace_id)
        ordered = mine.order_by(checkpoints.c.size.desc())
        seen = set()
        for found in (ordered.limit(limit), ordered.where(checkpoints.c.kept)):
            for row in self._session.execute(found):
                if row.size not in seen:
                    seen.add(row.size)
                    yield Signed(row.size, row.root, row.note, _wrong(row, keys))

    def root_at(self, size: int) -> bytes:
        """Fold the root of the first ``size`` leaves; one that is missing counts as empty."""
        return merkle.root(size, self._node)

    def fits_at(self, size: int, root: bytes) -> bool:
        return size <= self.size and self.root_at(size) == root

    def proof(self, seq: int) -> dict[str, Any] | None:
        """Prove what was sealed of a number to the newest checkpoint; None where that is lost."""
        newest = self.newest
        if newest is None or not 1 <= seq <= newest.size or not self.is_signed:
            return None
        path = merkle.inclusion(seq - 1, newest.size, self._node)
        return {"checkpoint": newest.note, "proof": [notes.base64(each) for each in path]}

    def fits(self, n: int, leaves: Sequence[bytes]) -> bool:
        """Tell whether a tile with these leaf hashes is the one that was signed.

        Leaves after the newest checkpoint are held against the stored root, not signed yet.
        """
        newest, last = self.newest, n * TILE + len(leaves)
        if newest is None or newest.size < last:
            return self._with(0, self.size, n, leaves) == self.root
        return self._with(0, newest.size, n, leaves) == newest.root

    def mend(self, n: int, leaves: Sequence[bytes]) -> None:
        """Go on with the leaves that a tile was signed with, in place of the stored ones."""
        self._mended[n] = leaves
        if len(leaves) == TILE:
            self.tiles[n] = merkle.root_of(leaves)
        self._nodes.clear()
        self._spans.clear()
        self.__dict__.pop("is_signed", None)

    def leave_out(self, n: int) -> None:
        """Hold nothing against checkpoints that end within a tile, for its leaves are lost."""
        self._lost.add(n)

    def tells(self, size: int) -> bool:
        """Tell whether the root of the first ``size`` leaves can be folded at all."""
        return size <= self.size and not (size % TILE and size // TILE in self._lost)

    def _node(self, level: int, index: int) -> bytes:
        if level < TILE_LEVEL:
            n, first = divmod(index << level, TILE)
            leaves = self._mended.get(n) or self.tree.tile(0, n)
            wanted = leaves[first : first + (1 << level)]
            return merkle.root_of([*wanted, *[b""] * ((1 << level) - len(wanted))])
        if level == TILE_LEVEL:
            return self.tiles[index]
        if (level, index) not in self._nodes:
            children = (self._node(level - 1, 2 * index + right) for right in (0, 1))
            self._nodes[level, index] = merkle.parent(*children)
        return self._nodes[level, index]

    def _with(self, low: int, high: int, n: int, leaves: Sequence[bytes]) -> bytes:
        """Fold leaves low … high with those of tile ``n`` replaced."""
        first, last = n * TILE, n * TILE + len(leaves)
        if low >= first and high <= last:
            return merkle.root_of(leaves[low - first : high - first])
        if high <= first or low >= last:
            if (low, high) not in self._spans:
                self._spans[low, high] = merkle.span(low, high, self._node)
            return self._spans[low, high]
        middle = low + (1 << ((high - low - 1).bit_length() - 1))
        left, right = self._with(low, middle, n, leaves), self._with(middle, high, n, leaves)
        return merkle.parent(left, right)


def _wrong(row: object, keys: Sequence[VerifierKey]) -> str | None:
    """Tell what is wrong with a checkpoint by itself; None where nothing is."""
    try:
        read = notes.checkpoint(row.note, *keys)  # type: ignore[attr-defined]  # a row
    except NoteRefused as refused:
        return str(refused)
    if (read.size, read.root) != (row.size, row.root):  # type: ignore[attr-defined]
        return "its row says another size or root than its note"
    return None
