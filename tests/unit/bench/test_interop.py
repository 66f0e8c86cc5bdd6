"""Proofs for other people's programs: those that are right, and those that are spoiled."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from auditsaas.evidence.format import merkle
from auditsaas.evidence.format.notes import Checkpoint, SigningKey
from bench import interop
from bench.interop import Grown, Record

SIZE = 345
LEAVES = [merkle.leaf(bytes(2) + number.to_bytes(2)) for number in range(SIZE)]
NODE = merkle.nodes_of(LEAVES)
HEAD = Checkpoint("audit.example.com/log/one", SIZE, merkle.root_of(LEAVES))
RECORDS = [
    Record(at, leaf, tuple(merkle.inclusion(at, SIZE, NODE))) for at, leaf in enumerate(LEAVES)
]
TREES = [
    Grown(old, merkle.root_of(LEAVES[:old]), tuple(merkle.consistency(old, SIZE, NODE)))
    for old in range(1, SIZE)
]


def test_every_right_proof_holds() -> None:
    assert all(one.holds(HEAD) for one in RECORDS)
    assert all(one.holds(HEAD) for one in TREES)


@pytest.mark.parametrize("seed", range(6))
def test_no_spoiled_proof_holds(seed: int) -> None:
    chance = random.Random(seed)
    records = interop.wrong_records(RECORDS[seed:], SIZE, chance)
    trees = interop.wrong_trees(TREES[seed:], chance)
    assert (len(records), len(trees)) == (SIZE - seed, SIZE - 1 - seed)
    assert not any(one.holds(HEAD) for one in records)
    assert not any(one.holds(HEAD) for one in trees)


def test_file_has_what_other_programs_read(tmp_path: Path) -> None:
    key = SigningKey(HEAD.origin, bytes(32))
    file = tmp_path / "interop.json"
    note = HEAD.signed_by(key)
    interop.write(file, note, str(key.verifier), HEAD, (RECORDS[:1], TREES[:1]))
    read = json.loads(file.read_text())
    assert (read["note"], read["vkey"], read["n"]) == (note, str(key.verifier), SIZE)
    assert read["records"][0]["i"] == 0
    assert read["trees"][0]["m"] == 1
    assert len(read["records"][0]["proof"]) == len(RECORDS[0].path)
