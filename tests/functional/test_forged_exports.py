"""An export of the product with its proof, forged in every way: three verifiers give one answer."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from auditsaas.evidence.format import leaf, merkle
from auditsaas.evidence.format.notes import base64, unbase64
from tests.support.bundles import Proving, every_kind
from tests.support.factories import append_events, make_member, make_workspace
from tests.support.forgeries import FORGERIES
from tests.support.proofs import INCOMPLETE, PROVEN, REFUSED, Bundle, Line, said
from tests.support.second_verifiers import (
    ORACLES,
    files_of,
    from_the_oracle,
    from_the_page,
    oracles,
)

OF_ANOTHER_LOG = {"other size", *(name for name in FORGERIES if name.startswith("row hidden"))}
"""Forgeries that are made from the values of one invented log."""
FOR_THE_STRICT = {"hashes beside left over", "another form"}
"""Forgeries that say nothing false, which the oracle reads over."""


@pytest.fixture(scope="module")
def bundle(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The file of the events that failed, of a log of every kind of event."""
    workspace = make_workspace()
    append_events(workspace, every_kind())
    folder = tmp_path_factory.mktemp("files")
    made = Proving(app, make_member(workspace), workspace, folder).opened({"status": "error"})
    return Bundle(made.jsonl.splitlines(keepends=True), list(made.proof), made.vkey)


def first_row(bundle: Bundle) -> int:
    return next(at for at, line in enumerate(bundle.lines) if line.get("in"))


def slots_of(bundle: Bundle) -> tuple[dict[str, Any], bytes, list[bytes]]:
    """The first row, its seed and its slots."""
    row = json.loads(bundle.rows[0])
    seed = unbase64(bundle.lines[first_row(bundle)]["seed"])
    return row, seed, leaf.slot_hashes(leaf.parts_of(row), seed)


def false_slot(bundle: Bundle, slot: Any) -> Line:
    row, seed, slots = slots_of(bundle)
    path = merkle.outside(3, 4, 16, merkle.nodes_of(slots))
    opened = [slot, base64(leaf.salts_of(seed)[3]), "success"]
    time = leaf.micros_of(row["occurred_at"])
    return {"t": time, "open": opened, "path": list(map(base64, path))}


def by_time(bundle: Bundle, time: int | None = None, **more: Any) -> Line:
    row, _, slots = slots_of(bundle)
    known = leaf.micros_of(row["occurred_at"])
    fields = base64(leaf.fields_hash(slots))
    return {"t": known if time is None else time, "root": fields, **more}


def hide(line: Callable[[Bundle], Line]) -> Callable[[Bundle], object]:
    def forge(bundle: Bundle) -> None:
        made = line(bundle)
        bundle.lines[first_row(bundle)] = made
        bundle.rows.pop(0)
        bundle.reseal()

    return forge


HIDDEN: dict[str, tuple[Callable[[Bundle], object], int]] = {
    "by a false value": (hide(lambda b: false_slot(b, 3)), REFUSED),
    "by slot -13": (hide(lambda b: false_slot(b, -13)), REFUSED),
    "by slot 16": (hide(lambda b: false_slot(b, 16)), REFUSED),
    "by slot 99": (hide(lambda b: false_slot(b, 99)), REFUSED),
    "by a false time": (hide(lambda b: by_time(b, 0)), REFUSED),
    "as never sealed": (hide(lambda b: by_time(b, leaf.NEVER_SEALED, gone=1)), REFUSED),
    "and nothing shown": (hide(by_time), INCOMPLETE),
    "as removed": (hide(lambda b: by_time(b, gone=1)), INCOMPLETE),
}


def other_size(bundle: Bundle) -> None:
    origin, size, *rest = bundle.head["checkpoint"].split("\n")
    bundle.head["checkpoint"] = "\n".join((origin, str(int(size) - 1), *rest))


def cases(bundle: Bundle) -> dict[str, tuple[Bundle, int]]:
    """Each forgery of the bundle, with the answer that it should get."""
    forged: dict[str, tuple[Callable[[Bundle], object], int]] = {
        "honest": (lambda made: None, PROVEN),
        "other size": (other_size, REFUSED),
    }
    for name, (forge, _) in FORGERIES.items():
        if name not in OF_ANOTHER_LOG:
            forged[name] = (forge, REFUSED)
    forged |= {f"row hidden {name}": one for name, one in HIDDEN.items()}
    made = {name: (copy.deepcopy(bundle), wanted) for name, (_, wanted) in forged.items()}
    for name, (forge, _) in forged.items():
        forge(made[name][0])
    return made


def test_every_forgery_is_answered_alike_by_both_verifiers(bundle: Bundle, tmp_path: Path) -> None:
    made = cases(bundle)
    files = files_of([one for one, _ in made.values()], tmp_path)
    wanted = {name: code for name, (_, code) in made.items()}
    assert {name: said(*one).code for name, one in zip(made, files, strict=True)} == wanted
    answers = from_the_page(files)
    assert {name: one["code"] for name, one in zip(made, answers, strict=True)} == wanted


@pytest.mark.parametrize("known", [ORACLES] if ORACLES.exists() else [])
def test_every_forgery_is_answered_alike_by_the_oracle(
    known: Path, bundle: Bundle, tmp_path: Path
) -> None:
    made = {name: one for name, one in cases(bundle).items() if name not in FOR_THE_STRICT}
    with oracles():
        found = {name: from_the_oracle(forged, tmp_path) for name, (forged, _) in made.items()}
    assert found == {name: code for name, (_, code) in made.items()}
