"""Finds events that were given another number: rows that fit a leaf which is not theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from auditsaas.evidence.checking.looking import Look
from auditsaas.evidence.erased import NO_SEED
from auditsaas.evidence.format.leaf import read_preimage
from auditsaas.evidence.tree.rows import StoredValues


@dataclass(frozen=True)
class Pair:
    """An event that was sealed under one number and stands under another now."""

    sealed: int
    row: StoredValues

    @property
    def stands(self) -> int:
        return self.row.seq


def paired(looks: Sequence[Look], strays: list[StoredValues]) -> list[Pair]:
    """Find the rows that fit other numbers, and take them as the events of these in the looks.

    ``strays`` are rows of numbers that no tile has; those that are found are taken out of them. A
    number whose own event is not found, and at which another stands, is missing.
    """
    by_time: dict[int, list[StoredValues]] = {}
    for row in _rows(looks, strays):
        by_time.setdefault(row.occurred_at, []).append(row)
    found = [
        Pair(seq, fitting)
        for look in looks
        for seq in sorted({*look.missing, *look.changed})
        if (fitting := _fitting(look, seq, by_time)) is not None
    ]
    moved = {id(pair.row) for pair in found}
    strays[:] = [row for row in strays if id(row) not in moved]
    for look in looks:
        _settle(look, found, moved)
    return found


def _settle(look: Look, found: Sequence[Pair], moved: set[int]) -> None:
    look.extra = [row for row in look.extra if id(row) not in moved]
    for seq in [seq for seq in look.changed if id(look.taken[seq]) in moved]:
        look.lose(seq)
    for pair in found:
        if look.tile.first <= pair.sealed <= look.tile.last:
            look.take(pair.sealed, pair.row)


def _rows(looks: Sequence[Look], strays: Iterable[StoredValues]) -> Iterator[StoredValues]:
    yield from strays
    for look in looks:
        yield from look.extra
        yield from (look.taken[seq] for seq in look.changed)


def _fitting(look: Look, seq: int, by_time: dict[int, list[StoredValues]]) -> StoredValues | None:
    kept, seed = look.kept(seq), look.seed(seq)
    if seed == NO_SEED:
        return None
    rows = by_time.get(read_preimage(kept)[0], [])
    return next((row for row in rows if row.seq != seq and row.preimage(seed) == kept), None)
