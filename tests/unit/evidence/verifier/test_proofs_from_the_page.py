"""Inclusion and consistency by the second verifier: a thousand right proofs, a thousand wrong."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest

from auditsaas.evidence.format import merkle
from auditsaas.evidence.format.notes import Checkpoint, SigningKey
from bench import interop
from bench.interop import Grown, Record
from tests.support.proofs import ORIGIN
from tests.support.second_verifiers import PROGRAM

KEY = SigningKey(ORIGIN, bytes(range(32)))
MANY = 1_000


@pytest.fixture(scope="module")
def head() -> tuple[Checkpoint, list[Record], list[Grown]]:
    """The head of a log, and proofs of its leaves and of its smaller sizes."""
    chance = random.Random(16)
    leaves = [chance.randbytes(32) for _ in range(613)]
    size, levels = len(leaves), [leaves]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = zip(below[::2], below[1::2], strict=False)
        levels.append([merkle.parent(left, right) for left, right in pairs])

    def node(level: int, index: int) -> bytes:
        return levels[level][index]

    numbers = [chance.randrange(size) for _ in range(MANY)]
    records = [Record(n, leaves[n], tuple(merkle.inclusion(n, size, node))) for n in numbers]
    trees = [
        Grown(n, merkle.root(n, node), tuple(merkle.consistency(n, size, node)))
        for n in (number or size for number in numbers)
    ]
    return Checkpoint(ORIGIN, size, merkle.root(size, node)), records, trees


def accepted(file: Path, head: Checkpoint, records: list[Record], trees: list[Grown]) -> object:
    interop.write(file, head.signed_by(KEY), str(KEY.verifier), head, (records, trees))
    done = subprocess.run(["node", PROGRAM, "--proofs", file], capture_output=True, check=True)
    return json.loads(done.stdout)


def test_right_proofs_are_accepted(
    head: tuple[Checkpoint, list[Record], list[Grown]], tmp_path: Path
) -> None:
    found = accepted(tmp_path / "right.json", *head)
    assert found == {"records": MANY, "trees": MANY}


def test_wrong_proofs_are_refused(
    head: tuple[Checkpoint, list[Record], list[Grown]], tmp_path: Path
) -> None:
    known, records, trees = head
    chance = random.Random(17)
    wrong = interop.wrong_records(records, known.size, chance)
    spoilt = interop.wrong_trees([one for one in trees if one.path], chance)
    assert accepted(tmp_path / "wrong.json", known, wrong, spoilt) == {"records": 0, "trees": 0}
