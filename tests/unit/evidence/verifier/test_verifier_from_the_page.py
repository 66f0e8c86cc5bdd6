"""A second verifier, in JavaScript, from docs/evidence.md alone: it answers as the first does."""

from __future__ import annotations

import copy
import json
import random
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support import erased_rows, strange_input
from tests.support.forgeries import FORGERIES
from tests.support.forgeries import LOG as FORGED
from tests.support.proofs import PROVEN, REFUSED, Bundle, Log, said, written
from tests.support.shown_slots import FILTERS, by_slot
from tests.support.workers import ROOT

PROGRAM = ROOT / "tests" / "second_verifier" / "verify.mjs"


class Case(NamedTuple):
    name: str
    file: bytes
    proof: bytes
    key: str


def of(name: str, bundle: Bundle) -> Case:
    return Case(name, b"".join(bundle.rows), bundle.proof, bundle.key)


def forged() -> Iterator[Case]:
    for name, (forge, _) in FORGERIES.items():
        for marked in (True, False):
            bundle = FORGED.by_status()
            for line in bundle.lines if not marked else ():
                line.pop("mark", None)
            forge(bundle)
            yield of(f"{name}, {'with' if marked else 'without'} marks", bundle)


def strange() -> Iterator[Case]:
    for name, change in strange_input.ROWS.items():
        bundle = strange_input.LOG.file()
        change(bundle)
        yield of(f"a row with {name}", bundle.reseal())
    for name, heads in strange_input.HEADS.items():
        for head in heads:
            bundle = strange_input.LOG.file()
            bundle.head.update(head)
            yield of(f"{name}: {head}", bundle)


def erased() -> Iterator[Case]:
    for slots in ((), (8,), erased_rows.ALL):
        yield of(f"erased {slots}", erased_rows.bundle(slots))
    for name, (forge, _) in erased_rows.FORGERIES.items():
        bundle = erased_rows.bundle(erased_rows.ALL)
        forge(bundle)
        yield of(f"erased, and {name}", bundle.reseal())


def filtered() -> Iterator[Case]:
    for name, (slot, query, wanted) in FILTERS.items():
        yield of(f"filter {name}", by_slot(slot, query, wanted))
        yield of(f"filter {name}, all left out", by_slot(slot, query, lambda row: False))
        yield of(f"filter {name}, all in", by_slot(slot, query, lambda row: True))
    for query in ({"q": "x"}, {"browser": ["x"]}, {"status": ["error"], "min_ms": 3}):
        yield of(f"filter {query}", FORGED.file(lambda row: row["status"] == "error", query))


def single() -> Iterator[Case]:
    for size in (1, 2, 3, 5, 8, 13):
        log = Log.of(size)
        for seq in {1, (size + 1) // 2, size}:
            name, proof = f"number {seq} of {size}", log.proof_of(seq)
            key, file = str(log.key.verifier), written(log.rows[seq - 1])
            yield Case(name, file, proof.encode(), key)
            yield Case(f"{name}, changed", file.replace(b"POST", b"GET"), proof.encode(), key)
            wrong = proof.replace(f"index {seq - 1}", f"index {seq}")
            yield Case(f"{name}, moved", file, wrong.encode(), key)


def mutated(count: int = 90) -> Iterator[Case]:
    """Bundles of which a byte of a row, a line or the head is another, gone, or there twice."""
    chance = random.Random(16)
    for number in range(count):
        bundle = FORGED.by_status() if number % 2 else erased_rows.bundle((5, 6, 8))
        lines = [written(line) for line in bundle.lines]
        place = (bundle.rows, lines, [lines[0]])[number % 3]
        at = chance.randrange(len(place))
        place[at] = changed(place[at], chance)
        bundle.lines[:] = lines if number % 3 < 2 else [place[0], *lines[1:]]
        if number % 3 == 0:
            bundle.lines[0] = json.loads(lines[0])
            bundle.reseal()
        yield of(f"mutated {number}", bundle)


def changed(line: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(line) - 1)
    put = (bytes([chance.choice(b'0123456789"{}[],:.eE+-tn\\ AZ=/')]), b"", line[at : at + 1] * 2)
    return line[:at] + chance.choice(put) + line[at + 1 :]


def files_of(cases: Sequence[Case], folder: Path) -> list[tuple[str, str, str]]:
    made = []
    for number, case in enumerate(cases):
        file, proof = folder / f"{number}.jsonl", folder / f"{number}.proof"
        file.write_bytes(case.file)
        proof.write_bytes(case.proof)
        made.append((str(file), str(proof), case.key))
    return made


def answers_of(files: Sequence[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """Ask the program for all of them at once."""
    done = subprocess.run(
        ["node", str(PROGRAM), "--cases"],
        input=json.dumps(files).encode(),
        capture_output=True,
        check=True,
    )
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize("kind", [forged, strange, erased, filtered, single, mutated])
def test_both_verifiers_give_the_same_answer(kind: Any, tmp_path: Path) -> None:
    cases = list(kind())
    files = files_of(cases, tmp_path)
    second = {case.name: one["code"] for case, one in zip(cases, answers_of(files), strict=True)}
    first = {case.name: said(*one).code for case, one in zip(cases, files, strict=True)}
    assert second == first
    assert {PROVEN, REFUSED} & set(first.values())


def test_it_ends_as_the_page_says(tmp_path: Path) -> None:
    bundle = FORGED.by_status()
    changed = copy.deepcopy(bundle).change_row(1, lambda row: row.update(ip="198.51.100.1"))
    found = []
    for case in (of("honest", bundle), of("changed", changed)):
        (files,) = files_of([case], tmp_path)
        done = subprocess.run(["node", str(PROGRAM), *files], capture_output=True, check=False)
        found.append((done.returncode, done.stdout.decode()))
    assert found == [
        (PROVEN, "5 rows proven\n"),
        (REFUSED, "refused: row 2, number 7: ip is not as it was written\n"),
    ]
