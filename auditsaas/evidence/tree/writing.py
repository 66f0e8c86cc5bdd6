"""Appends leaves to a stored tree, and the hashes of the tiles that they fill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Table, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from auditsaas.evidence.format import merkle
from auditsaas.evidence.format.leaf import HASH_BYTES, PREIMAGE_BYTES, SEED_BYTES, leaf_hash
from auditsaas.evidence.models import TILE, tree_leaves, tree_tiles
from auditsaas.evidence.tree.store import TreeDamaged, cut

LEAF_WIDTHS: Final = {"preimages": PREIMAGE_BYTES, "seeds": SEED_BYTES}
HASH_WIDTHS: Final = {"hashes": HASH_BYTES}


def extend(
    session: Session, workspace_id: UUID, size: int, preimages: Sequence[bytes], seeds: bytes
) -> None:
    """Append leaves to the tree of ``size``; whoever calls it holds the lock of its head.

    Raises:
        TreeDamaged: what is stored is not a tree of that size.
    """
    parts = {"preimages": b"".join(preimages), "seeds": seeds}
    filled = _write(session, tree_leaves, {"workspace_id": workspace_id}, size, parts, LEAF_WIDTHS)
    first, before = size - size % TILE, size
    hashes = [
        merkle.root_of(
            [leaf_hash(first + tile * TILE + at + 1, one) for at, one in enumerate(kept)]
        )
        for tile, kept in enumerate(cut(whole["preimages"], PREIMAGE_BYTES) for whole in filled)
    ]
    level = 1
    while hashes:
        before //= TILE
        key = {"workspace_id": workspace_id, "level": level}
        parts = {"hashes": b"".join(hashes)}
        filled = _write(session, tree_tiles, key, before, parts, HASH_WIDTHS)
        hashes = [merkle.root_of(cut(whole["hashes"], HASH_BYTES)) for whole in filled]
        level += 1


def _write(
    session: Session,
    table: Table,
    key: dict[str, Any],
    count: int,
    parts: dict[str, bytes],
    widths: dict[str, int],
) -> list[dict[str, bytes]]:
    """Append to the tiles of a level that has ``count`` entries; return those that are full now."""
    number, there = divmod(count, TILE)
    if there:
        begun = _begun(session, table, {**key, "n": number}, there, widths)
        parts = {name: begun[name] + more for name, more in parts.items()}
    name, width = next(iter(widths.items()))
    tiles = range(number, number + -(-len(parts[name]) // (TILE * width)))
    made = {
        tile: {
            name: parts[name][(tile - number) * TILE * width : (tile - number + 1) * TILE * width]
            for name, width in widths.items()
        }
        for tile in tiles
    }
    _store(session, table, key, made, grown=number if there else None)
    return [tile for tile in made.values() if len(tile[name]) == TILE * width]


def _begun(
    session: Session, table: Table, key: dict[str, Any], there: int, widths: dict[str, int]
) -> dict[str, bytes]:
    """Read the newest tile of a level, which is not full."""
    found = session.execute(select(*(table.c[name] for name in widths)).where(*_is(table, key)))
    row = found.mappings().one_or_none()
    if row is None or any(len(row[name]) != there * width for name, width in widths.items()):
        raise TreeDamaged(f"tile {key.get('level', 0)}/{key['n']} of the tree is not whole")
    return dict(row)


def _store(
    session: Session,
    table: Table,
    key: dict[str, Any],
    tiles: dict[int, dict[str, bytes]],
    *,
    grown: int | None,
) -> None:
    new = [{**key, "n": number, **tile} for number, tile in tiles.items() if number != grown]
    if grown is not None:
        changed = update(table).where(*_is(table, {**key, "n": grown})).values(tiles[grown])
        if session.scalar(changed.returning(table.c.n)) is None:
            raise TreeDamaged(f"tile {key.get('level', 0)}/{grown} of the tree cannot grow")
    if new:
        try:
            session.execute(insert(table), new)
        except IntegrityError as error:
            raise TreeDamaged("the tree has tiles beyond its size") from error


def _is(table: Table, key: dict[str, Any]) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in key.items()]
