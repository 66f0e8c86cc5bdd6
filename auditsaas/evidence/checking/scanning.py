"""Scans a log for tiles that are not what was sealed, in steps of one snapshot each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import groupby
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.models import events
from auditsaas.evidence.checking import heads
from auditsaas.evidence.checking.explaining import explain
from auditsaas.evidence.checking.finding import Finding, FindingKind
from auditsaas.evidence.checking.looking import look, read_tiles
from auditsaas.evidence.models import TILE, erasures, tree_heads

STEP: Final = 16
"""Tiles of one snapshot, and between two reports of progress."""
SHARE: Final = 100
"""The sample is one tile in so many."""
LEAST: Final = 16
EXPLAINED: Final = 200
"""So many tiles with differences are explained by one check, which holds their events at once."""


@dataclass
class Wrong:
    """The tiles that differ, as many as are explained, and how many there are beside them."""

    tiles: list[int] = field(default_factory=list)
    more: int = 0

    def add(self, found: Sequence[int]) -> None:
        room = EXPLAINED - len(self.tiles)
        self.tiles += found[:room]
        self.more += len(found[room:])


@contextmanager
def snapshot(session: Session, workspace_id: UUID) -> Iterator[None]:
    """Read in one snapshot of the log; what was not committed before is given up."""
    session.rollback()
    tenancy.bind(Scope.of(workspace_id), session)
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    try:
        yield
    finally:
        session.rollback()


def sealed_size(session: Session, workspace_id: UUID) -> int:
    """Read how many events the tree has."""
    mine = tree_heads.c.workspace_id == workspace_id
    return session.scalar(select(tree_heads.c.size).where(mine)) or 0


def _pruned(session: Session, workspace_id: UUID) -> int:
    """Read the first tile whose leaves were not removed for their age."""
    mine = tree_heads.c.workspace_id == workspace_id
    return (session.scalar(select(tree_heads.c.pruned_to).where(mine)) or 0) // TILE


def _has_events(session: Session, workspace_id: UUID, n: int) -> bool:
    """Tell whether a tile without leaves has an event, which nothing proves."""
    numbers = events.c.seq.between(n * TILE + 1, (n + 1) * TILE)
    there = select(events.c.id).where(events.c.workspace_id == workspace_id, numbers)
    return session.scalar(there.limit(1)) is not None


def all_tiles(size: int) -> Sequence[int]:
    return range(-(-size // TILE))


def sampled(session: Session, workspace_id: UUID, size: int, chosen_by: UUID) -> Sequence[int]:
    """Choose tiles by the chance in a check's id: a hundredth, the last, and all with erasures."""
    every = all_tiles(size)
    number = min(len(every), max(LEAST, -(-len(every) // SHARE)))
    drawn = sorted(every, key=lambda n: sha256(chosen_by.bytes + n.to_bytes(8)).digest())
    chosen = {*drawn[:number], *every[-1:]}
    found = select(erasures.c.seq).where(
        erasures.c.workspace_id == workspace_id, erasures.c.seq <= size
    )
    return sorted(chosen | {(seq - 1) // TILE for seq in session.scalars(found)})


def damaged(
    session: Session, workspace_id: UUID, tiles: Sequence[int], size: int
) -> Iterator[tuple[int, list[int]]]:
    """Scan tiles in their order; yield after each step how many are behind it, and the damaged.

    The session reads in snapshots of its own.
    """
    for start in range(0, len(tiles), STEP):
        step = tiles[start : start + STEP]
        with snapshot(session, workspace_id):
            cut_at = heads.removed_before(session, workspace_id)
            pruned = _pruned(session, workspace_id)
            found = [n for n in step if n < pruned and _has_events(session, workspace_id, n)]
            found += [
                tile.n
                for first, last in _runs([n for n in step if n >= pruned])
                for tile in read_tiles(session, workspace_id, first, last, size)
                if not look(tile, cut_at).is_sound
            ]
        yield start + len(step), found


def check(
    session: Session,
    workspace_id: UUID,
    tiles: Sequence[int] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Finding]:
    """Check a log, all of it or some tiles, and what stands above and behind them."""
    with snapshot(session, workspace_id):
        size = sealed_size(session, workspace_id)
    wrong = Wrong()
    chosen = all_tiles(size) if tiles is None else tiles
    for done, found in damaged(session, workspace_id, chosen, size):
        wrong.add(found)
        progress(done)
    return explained(session, workspace_id, wrong)


def explained(session: Session, workspace_id: UUID, wrong: Wrong) -> list[Finding]:
    """Explain damaged tiles in a snapshot of their own, and check the heads."""
    with snapshot(session, workspace_id):
        found = explain(session, workspace_id, wrong.tiles)
    if wrong.more:
        words = (
            f"In {wrong.more:,} further runs of {TILE} numbers events differ from their seal, too:"
            f" those of the first {EXPLAINED} are told one by one"
        )
        found.append(Finding(kind=FindingKind.CHANGED, words=words, details={"same_as": "more"}))
    return found


def _runs(tiles: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Part tiles into runs of neighbours."""
    for _, run in groupby(enumerate(tiles), key=lambda pair: pair[1] - pair[0]):
        numbers = [n for _, n in run]
        yield numbers[0], numbers[-1]
