"""Proofs as other people's programs read them: one JSON file, and another of proofs that are wrong.

``note`` and ``vkey`` are the checkpoint and its verifier key, ``n`` and ``root`` what it says.
``records`` have the index of a leaf, its hash and its inclusion proof, ``trees`` a smaller size,
its root and its consistency proof; hashes in base64, proofs from the leaf to the root. A program of
a few lines over any library of transparency logs accepts all of the one and none of the other.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from auditsaas.evidence.format import merkle
from auditsaas.evidence.format.merkle import ProofRefused
from auditsaas.evidence.format.notes import Checkpoint, base64


@dataclass(frozen=True)
class Record:
    """A leaf, and the path that is to prove it."""

    index: int
    leaf: bytes
    path: tuple[bytes, ...]

    def holds(self, head: Checkpoint) -> bool:
        try:
            merkle.check_inclusion(self.index, head.size, self.leaf, self.path, head.root)
        except ProofRefused:
            return False
        return True

    @property
    def written(self) -> dict[str, Any]:
        path = [base64(one) for one in self.path]
        return {"i": self.index, "leaf": base64(self.leaf), "proof": path}


@dataclass(frozen=True)
class Grown:
    """A smaller tree, and the path that is to prove that the larger one grew out of it."""

    size: int
    root: bytes
    path: tuple[bytes, ...]

    def holds(self, head: Checkpoint) -> bool:
        try:
            merkle.check_consistency(self.size, head.size, self.path, self.root, head.root)
        except ProofRefused:
            return False
        return True

    @property
    def written(self) -> dict[str, Any]:
        path = [base64(one) for one in self.path]
        return {"m": self.size, "root": base64(self.root), "proof": path}


Hashes = tuple[bytes, ...]
OfPath = Callable[[Hashes, random.Random], Hashes]


def flipped(hashed: bytes, chance: random.Random) -> bytes:
    """Flip one bit."""
    bit = 1 << chance.randrange(len(hashed) * 8)
    return (int.from_bytes(hashed) ^ bit).to_bytes(len(hashed))


def _one_flipped(path: Hashes, chance: random.Random) -> Hashes:
    at = chance.randrange(len(path))
    return (*path[:at], flipped(path[at], chance), *path[at + 1 :])


def _one_dropped(path: Hashes, chance: random.Random) -> Hashes:
    at = chance.randrange(len(path))
    return path[:at] + path[at + 1 :]


def _one_added(path: Hashes, chance: random.Random) -> Hashes:
    at = chance.randrange(len(path) + 1)
    return (*path[:at], chance.randbytes(32), *path[at:])


def _two_swapped(path: Hashes, chance: random.Random) -> Hashes:
    if len(path) < 2:
        return _one_flipped(path, chance)
    at = chance.randrange(len(path) - 1)
    return (*path[:at], path[at + 1], path[at], *path[at + 2 :])


OF_A_PATH: tuple[OfPath, ...] = (_one_flipped, _one_dropped, _one_added, _two_swapped)


def wrong_records(good: Sequence[Record], size: int, chance: random.Random) -> list[Record]:
    """Spoil each record in one of six ways, in turn."""
    made = []
    for number, one in enumerate(good):
        kind = number % 6
        if kind < len(OF_A_PATH):
            made.append(replace(one, path=OF_A_PATH[kind](one.path, chance)))
        elif kind == len(OF_A_PATH):
            made.append(replace(one, leaf=flipped(one.leaf, chance)))
        else:
            made.append(replace(one, index=(one.index + 1) % size))
    return made


def wrong_trees(good: Sequence[Grown], chance: random.Random) -> list[Grown]:
    """Spoil each smaller tree in one of five ways, in turn."""
    made = []
    for number, one in enumerate(good):
        kind = number % 5
        if kind < len(OF_A_PATH):
            made.append(replace(one, path=OF_A_PATH[kind](one.path, chance)))
        else:
            made.append(replace(one, root=flipped(one.root, chance)))
    return made


def write(
    file: Path,
    note: str,
    vkey: str,
    head: Checkpoint,
    proofs: tuple[Iterable[Record], Iterable[Grown]],
) -> None:
    records, trees = proofs
    written = {
        "note": note,
        "vkey": vkey,
        "n": head.size,
        "root": base64(head.root),
        "records": [one.written for one in records],
        "trees": [one.written for one in trees],
    }
    file.write_text(json.dumps(written))
