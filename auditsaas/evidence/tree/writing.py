"""Appends leaves to a stored tree, and the hashes of the tiles that they fill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Table, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from auditsaas.evidence.format import merkle
from auditsaas.evidence.format.leaf import HASH_BYTES, PREIMAGE_BYTES, SEED_BYTES, leaf_hash
from auditsaas.evidence.models import TILE, tree_leaves, tree_tiles
from auditsaas.evidence.tree.leaves import Leaves
from auditsaas.evidence.tree.store import TreeDamaged, cut

Tile = dict[str, bytes]
"""The columns of a tile that grow with it."""


@dataclass(frozen=True)
class _Level:
    """One level of the tiles of a log, by its table and key, and the bytes of an entry."""

    table: Table
    key: Mapping[str, Any]
    widths: Mapping[str, int]

    def where(self, number: int) -> list[ColumnElement[bool]]:
        columns = self.table.c
        return [*(columns[name] == value for name, value in self.key.items()), columns.n == number]

    def named(self, number: int) -> str:
        return f"tile {self.key.get('level', 0)}/{number} of the tree"

    def is_whole(self, tile: Mapping[str, bytes], entries: int) -> bool:
        return all(len(tile[name]) == entries * width for name, width in self.widths.items())


LEAF_WIDTHS: Final = {"preimages": PREIMAGE_BYTES, "seeds": SEED_BYTES}
HASH_WIDTHS: Final = {"hashes": HASH_BYTES}


def extend(session: Session, workspace_id: UUID, size: int, leaves: Leaves) -> None:
    """Append leaves to the tree of ``size``; the caller holds the lock of its head.

    Raises:
        TreeDamaged: what is stored is not a tree of that size.
    """
    level = _Level(tree_leaves, {"workspace_id": workspace_id}, LEAF_WIDTHS)
    more = {"preimages": b"".join(leaves.preimages), "seeds": bytes(leaves.seeds)}
    locators = {tile: {"locators": sums.kept} for tile, sums in leaves.sums.items()}
    full = _append(session, level, size, more, locators)
    hashes = [_root_of_leaves(number, tile["preimages"]) for number, tile in full.items()]
    height = 1
    while hashes:
        key = {"workspace_id": workspace_id, "level": height}
        size //= TILE
        level = _Level(tree_tiles, key, HASH_WIDTHS)
        full = _append(session, level, size, {"hashes": b"".join(hashes)}, {})
        hashes = [merkle.root_of(cut(tile["hashes"], HASH_BYTES)) for tile in full.values()]
        height += 1


def _root_of_leaves(number: int, preimages: bytes) -> bytes:
    first = number * TILE + 1
    kept = enumerate(cut(preimages, PREIMAGE_BYTES), first)
    return merkle.root_of([leaf_hash(seq, one) for seq, one in kept])


def _append(
    session: Session,
    level: _Level,
    count: int,
    more: Tile,
    beside: Mapping[int, Mapping[str, bytes | None]],
) -> dict[int, Tile]:
    """Append to a level that has ``count`` entries; return the tiles that are full by it."""
    number, there = divmod(count, TILE)
    if there:
        begun = _begun(session, level, number, there)
        more = {name: begun[name] + added for name, added in more.items()}
    made = dict(enumerate(_tiles(level, more), number))
    for n, tile in made.items():
        values = {**tile, **beside.get(n, {})}
        if there and n == number:
            _grow(session, level, n, values)
        else:
            _add(session, level, n, values)
    return {n: tile for n, tile in made.items() if level.is_whole(tile, TILE)}


def _tiles(level: _Level, entries: Tile) -> list[Tile]:
    """Part entries into tiles."""
    parted = {name: cut(entries[name], TILE * width) for name, width in level.widths.items()}
    return [
        dict(zip(parted, columns, strict=True)) for columns in zip(*parted.values(), strict=True)
    ]


def _begun(session: Session, level: _Level, number: int, there: int) -> Mapping[str, bytes]:
    """Read and lock the newest tile of a level, which is not full.

    It is written anew as a whole, and a seed that is destroyed meanwhile must stay destroyed.
    """
    columns = [level.table.c[name] for name in level.widths]
    row = session.execute(
        select(*columns).where(*level.where(number)).with_for_update()
    ).one_or_none()
    found = {} if row is None else dict(zip(level.widths, row, strict=True))
    if not found or not level.is_whole(found, there):
        raise TreeDamaged(f"{level.named(number)} does not hold {there} entries")
    return found


def _grow(session: Session, level: _Level, number: int, values: Mapping[str, Any]) -> None:
    changed = update(level.table).where(*level.where(number)).values(**values)
    if session.scalar(changed.returning(level.table.c.n)) is None:
        raise TreeDamaged(f"{level.named(number)} cannot grow")


def _add(session: Session, level: _Level, number: int, values: Mapping[str, Any]) -> None:
    try:
        session.execute(insert(level.table).values(**level.key, n=number, **values))
    except IntegrityError as error:
        raise TreeDamaged(f"{level.named(number)} is beyond its size") from error
