"""A second verifier, in JavaScript, from docs/evidence.md alone: it answers as the first does."""

from __future__ import annotations

import copy
import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support import erased_rows, strange_input
from tests.support.forgeries import FORGERIES
from tests.support.forgeries import LOG as FORGED
from tests.support.proofs import PROVEN, REFUSED, Bundle, Log, said, written
from tests.support.second_verifiers import PROGRAM, files_of, from_the_page
from tests.support.shown_slots import FILTERS, by_slot


class Case(NamedTuple):
    name: str
    bundle: Bundle


def forged() -> Iterator[Case]:
    for name, (forge, _) in FORGERIES.items():
        for marked in (True, False):
            bundle = FORGED.by_status()
            for line in bundle.lines if not marked else ():
                line.pop("mark", None)
            forge(bundle)
            yield Case(f"{name}, {'with' if marked else 'without'} marks", bundle)


def strange() -> Iterator[Case]:
    for name, change in strange_input.ROWS.items():
        bundle = strange_input.LOG.file()
        change(bundle)
        yield Case(f"a row with {name}", bundle.reseal())
    for name, heads in strange_input.HEADS.items():
        for head in heads:
            bundle = strange_input.LOG.file()
            bundle.head.update(head)
            yield Case(f"{name}: {head}", bundle)


def erased() -> Iterator[Case]:
    for slots in ((), (8,), erased_rows.ALL):
        yield Case(f"erased {slots}", erased_rows.bundle(slots))
    for name, (forge, _) in erased_rows.FORGERIES.items():
        bundle = erased_rows.bundle(erased_rows.ALL)
        forge(bundle)
        yield Case(f"erased, and {name}", bundle.reseal())


def filtered() -> Iterator[Case]:
    for name, (slot, query, wanted) in FILTERS.items():
        yield Case(f"filter {name}", by_slot(slot, query, wanted))
        yield Case(f"filter {name}, all left out", by_slot(slot, query, lambda row: False))
        yield Case(f"filter {name}, all in", by_slot(slot, query, lambda row: True))
    for query in ({"q": "x"}, {"browser": ["x"]}, {"status": ["error"], "min_ms": 3}):
        yield Case(f"filter {query}", FORGED.file(lambda row: row["status"] == "error", query))


def single() -> Iterator[Case]:
    for size in (1, 2, 3, 5, 8, 13):
        log = Log.of(size)
        for seq in {1, (size + 1) // 2, size}:
            name, key = f"number {seq} of {size}", str(log.key.verifier)
            row, proof = written(log.rows[seq - 1]), log.proof_of(seq)
            wrong = proof.replace(f"index {seq - 1}", f"index {seq}")
            for what, file, text in (
                ("as it is", row, proof),
                ("changed", row.replace(b"POST", b"GET"), proof),
                ("moved", row, wrong),
            ):
                yield Case(f"{name}, {what}", Bundle([file], [text.encode()], key))


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
        yield Case(f"mutated {number}", bundle)


def changed(line: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(line) - 1)
    put = (bytes([chance.choice(b'0123456789"{}[],:.eE+-tn\\ AZ=/')]), b"", line[at : at + 1] * 2)
    return line[:at] + chance.choice(put) + line[at + 1 :]


@pytest.mark.parametrize("kind", [forged, strange, erased, filtered, single, mutated])
def test_both_verifiers_give_the_same_answer(kind: Any, tmp_path: Path) -> None:
    cases = list(kind())
    files = files_of([case.bundle for case in cases], tmp_path)
    second = {case.name: one["code"] for case, one in zip(cases, from_the_page(files), strict=True)}
    first = {case.name: said(*one).code for case, one in zip(cases, files, strict=True)}
    assert second == first
    assert {PROVEN, REFUSED} & set(first.values())


def test_it_ends_as_the_page_says(tmp_path: Path) -> None:
    bundle = FORGED.by_status()
    changed = copy.deepcopy(bundle).change_row(1, lambda row: row.update(ip="198.51.100.1"))
    found = []
    for case in (Case("honest", bundle), Case("changed", changed)):
        (files,) = files_of([case.bundle], tmp_path)
        done = subprocess.run(["node", str(PROGRAM), *files], capture_output=True, check=False)
        found.append((done.returncode, done.stdout.decode()))
    assert found == [
        (PROVEN, "5 rows proven\n"),
        (REFUSED, "refused: row 2, number 7: ip is not as it was written\n"),
    ]
