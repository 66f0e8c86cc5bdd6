"""Explains the tiles that a check found wrong: a finding of each event, or range, that differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas.evidence.checking import heads, pairing
from auditsaas.evidence.checking.finding import Finding, FindingKind, Side
from auditsaas.evidence.checking.ground import Ground
from auditsaas.evidence.checking.looking import Look, look, read_tiles
from auditsaas.evidence.checking.naming import Named, named
from auditsaas.evidence.checking.pairing import Pair
from auditsaas.evidence.checking.wording import (
    inserted,
    listed,
    of_event,
    of_seal,
    refilled,
    seal,
    who,
)

PROVEN: Final = frozenset(
    {
        FindingKind.CHANGED,
        FindingKind.REPLACED,
        FindingKind.MISSING,
        FindingKind.MOVED,
        FindingKind.SWAPPED,
    }
)
"""Findings of events whose leaves are as they were signed."""
LEAST_REPLACED: Final = 2
LEAST_CHANGED: Final = 10
"""So many neighbours of a kind are told as one."""


def explain(session: Session, workspace_id: UUID, tiles: Iterable[int]) -> list[Finding]:
    """Explain these tiles, and check all that stands above and behind them, in one snapshot."""
    ground = Ground(session, workspace_id)
    if not ground.size:
        return []
    end, cut_at = heads.log_end(session, workspace_id), heads.removed_before(session, workspace_id)
    looks = list(_looks(session, workspace_id, tiles, ground.size, cut_at))
    strays = heads.strays(session, workspace_id, ground.size)
    pairs = pairing.paired(looks, strays)
    found = [*_of_pairs(pairs)]
    for each in looks:
        found += _of_tile(each, ground)
    found += _of_runs([seq for each in looks for seq in each.missing if seq <= end])
    found += [inserted(row, end) for row in strays]
    found += heads.ends(session, workspace_id, ground)
    found += heads.levels(session, workspace_id, ground)
    found += heads.checkpoints(session, workspace_id, ground)
    found += heads.held_outside(session, workspace_id, ground)
    kept = {seq: each.kept(seq) for each in looks for seq in _numbers(each)}
    return [_proven(each, kept, ground) for each in _collapsed(found)]


def _numbers(found: Look) -> Iterator[int]:
    return iter(range(found.tile.first, found.tile.first + len(found.tile.preimages)))


def _proven(each: Finding, kept: Mapping[int, bytes], ground: Ground) -> Finding:
    """Add what was sealed of the number, and its proof, where the leaf is as it was signed."""
    if each.seq is None or each.kind not in PROVEN or each.details.get("leaf_too"):
        return each
    proof = ground.proof(each.seq) if each.seq in kept else None
    if proof is None:
        return each
    sealed = {"number": each.seq, "kept": kept[each.seq].hex(), **proof}
    return replace(each, details={**each.details, "sealed": sealed})


def _looks(
    session: Session, workspace_id: UUID, tiles: Iterable[int], size: int, cut_at: int
) -> Iterator[Look]:
    for n in sorted(set(tiles)):
        for tile in read_tiles(session, workspace_id, n, n, size):
            yield look(tile, cut_at)


def _of_pairs(pairs: Sequence[Pair]) -> Iterator[Finding]:
    stands = {pair.sealed: pair.stands for pair in pairs}
    for pair in pairs:
        swapped = stands.get(pair.stands) == pair.sealed
        if swapped and pair.sealed > pair.stands:
            continue
        words = (
            f"Events {pair.sealed:,} and {pair.stands:,} have changed places"
            if swapped
            else f"The event that was sealed as number {pair.sealed:,} has the number"
            f" {pair.stands:,} now"
        )
        yield Finding(
            kind=FindingKind.SWAPPED if swapped else FindingKind.MOVED,
            words=words,
            seq=pair.sealed,
            other_seq=pair.stands,
            **who(pair.row),
        )


def _of_tile(found: Look, ground: Ground) -> Iterator[Finding]:
    tile = found.tile
    if not tile.is_whole:
        ground.leave_out(tile.n)
        yield seal(f"The seal of the numbers {tile.first:,} to {tile.last:,} is not whole", tile)
        return
    for each in named(found, ground):
        if isinstance(each, Named):
            yield of_event(found, each)
        else:
            yield of_seal(found, each)
    for seq in found.unproven:
        yield seal(f"Event {seq:,} is there, and what proves it was destroyed", tile, seq)
    for seq, slot in found.refilled.items():
        yield refilled(found, seq, slot)
    for row in found.extra:
        yield inserted(row, None)


def _of_runs(missing: Sequence[int]) -> Iterator[Finding]:
    """Make a finding of each run of numbers whose events are gone."""
    runs: list[list[int]] = []
    for seq in sorted(missing):
        if runs and runs[-1][1] == seq - 1:
            runs[-1][1] = seq
        else:
            runs.append([seq, seq])
    for first, last in runs:
        which = f"Event {first:,}" if first == last else f"Events {first:,} to {last:,}"
        verb = "was sealed and is" if first == last else "were sealed and are"
        yield Finding(
            kind=FindingKind.MISSING,
            words=f"{which} {verb} missing from the log",
            seq=first,
            last_seq=last,
        )


def _collapsed(found: Sequence[Finding]) -> list[Finding]:
    """Tell a run of neighbours that differ in the same fields as one finding."""
    made: list[Finding] = []
    for _, run in groupby(enumerate(found), key=_alike):
        same = [each for _, each in run]
        least = LEAST_REPLACED if same[0].kind is FindingKind.REPLACED else LEAST_CHANGED
        made += [_as_one(same)] if len(same) >= least else same
    return made


def _alike(placed: tuple[int, Finding]) -> tuple[object, ...]:
    """Return what neighbours have in common that are told as one; nothing else has the same."""
    at, each = placed
    if each.kind is FindingKind.REPLACED and each.seq is not None:
        return each.kind, each.seq - at
    if each.kind is FindingKind.CHANGED and each.seq is not None and each.fields:
        return each.kind, each.seq - at, tuple(field.field for field in each.fields)
    return ("alone", at)


def _as_one(same: Sequence[Finding]) -> Finding:
    first, last = same[0], same[-1]
    numbers = f"{first.seq:,} to {last.seq:,}"
    if first.kind is FindingKind.REPLACED:
        words = f"Other events stand at the numbers {numbers} than were sealed"
        return replace(first, last_seq=last.seq, words=words, fields=())
    names = [field.field for field in first.fields]
    words = f"Events {numbers} aren’t what was sealed: {listed(names)}"
    fields = tuple(replace(each, expected=Side(), found=Side()) for each in first.fields)
    return replace(first, last_seq=last.seq, words=words, fields=fields)
