"""Proofs as the API gives them: how long one takes, and whether each of a thousand holds.

They are checked here by RFC 9162's algorithms and by the verifier that strangers use, and written
for other people's programs, beside as many that are wrong, where datasets are kept:
``interop.json``, ``interop-wrong.json``, and a folder ``event-proofs``.
"""

from __future__ import annotations

import json
import logging
import random
import shutil
import time
from base64 import b64decode
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import text

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.evidence.format import leaf
from auditsaas.evidence.format.notes import Checkpoint, VerifierKey, checkpoint
from auditsaas.evidence.format.tlog_proof import TlogProof
from auditsaas.evidence.tree.growing import grow
from auditsaas.evidence.tree.keys import Keyring
from auditsaas.extensions import db
from auditsaas.permissions import ApiScope
from auditsaas.workspaces.api_keys import create_api_key
from bench import event_files, interop
from bench.dataset import Dataset, bench_dir
from bench.event_files import Proven
from bench.interop import Grown, Record
from bench.tables import Table, ms

PROOFS: Final = 1000
SEED: Final = 20261127
DAY: Final = timedelta(days=1)


Proofs = Sequence[Sequence[Record | Grown]]
"""Of inclusion, and of consistency."""


class Caller:
    """Calls the API in this process, and keeps how long each answer took, in ms."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._client = dataset.app.test_client()
        self._key = ""
        self.taken: dict[str, list[float]] = {}

    def begin(self, what: str) -> None:
        """Call by a new key, so that no minute's limit is met."""
        with self._dataset.app.app_context():
            session = tenancy.bind(Scope.of(self._dataset.big), db.session())
            scopes = frozenset({ApiScope.EVENTS_READ})
            self._key = create_api_key(session, self._dataset.big, name=what, scopes=scopes).secret
            session.commit()

    def get(self, what: str, address: str) -> Any:
        began = time.perf_counter()
        answer = self._client.get(
            f"/api/v1{address}", headers={"Authorization": f"Bearer {self._key}"}
        )
        self.taken.setdefault(what, []).append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise SystemExit(f"{address}: {answer.status_code} {answer.text}")
        return answer


def measure(dataset: Dataset) -> list[Table]:
    logging.getLogger("auditsaas").setLevel(logging.WARNING)
    seconds = _seal(dataset)
    caller, chance = Caller(dataset), random.Random(SEED)
    caller.begin("Head")
    vkey = caller.get("keys", "/tree/keys").get_json()["keys"][-1]["key"]
    note = caller.get("head", "/tree").get_json()["note"]
    head = checkpoint(note, VerifierKey.parse(vkey))
    proven = _events(dataset, caller, head, chance)
    note, head = _one_head(proven, vkey)
    records = [Record(one.proof.index, _leaf(one), one.proof.path) for one in proven]
    trees = _trees(caller, head, chance)
    spoiled = (
        interop.wrong_records(records, head.size, chance),
        interop.wrong_trees(trees, chance),
    )
    interop.write(bench_dir() / "interop.json", note, vkey, head, (records, trees))
    interop.write(bench_dir() / "interop-wrong.json", note, vkey, head, spoiled)
    held = _held(head, (records, trees), spoiled)
    _add_files(held, proven, vkey, chance)
    return [_times(caller, head, seconds), held]


def _seal(dataset: Dataset) -> float:
    """Seal the biggest log as far as it goes; return the seconds that it took."""
    began = time.perf_counter()
    with dataset.app.app_context():
        grow(dataset.big, Keyring.of(dataset.settings), turn=DAY, at_once=True)
        db.session.remove()
    return time.perf_counter() - began


def _events(
    dataset: Dataset, caller: Caller, head: Checkpoint, chance: random.Random
) -> list[Proven]:
    """Ask for events at random places, and for their proofs."""
    numbers = [1, head.size, *chance.sample(range(2, head.size), PROOFS - 2)]
    caller.begin("Events")
    with dataset.app.app_context():
        session = tenancy.bind(Scope.of(dataset.big), db.session())
        found = text("SELECT id FROM events WHERE workspace_id = :w AND seq = ANY (:seqs)")
        ids = list(session.scalars(found, {"w": dataset.big, "seqs": numbers}))
        session.rollback()
    events = [json.loads(caller.get("event", f"/events/{one}").data) for one in ids]
    caller.begin("Proofs")
    texts = [caller.get("proof", f"/events/{one}/proof").text for one in ids]
    return [Proven(event, TlogProof.parse(one)) for event, one in zip(events, texts, strict=True)]


def _one_head(proven: Sequence[Proven], vkey: str) -> tuple[str, Checkpoint]:
    """Return the note that all of them are under, and what it says."""
    [note] = {one.proof.note for one in proven}
    return note, checkpoint(note, VerifierKey.parse(vkey))


def _leaf(one: Proven) -> bytes:
    seed = b64decode(one.proof.extra["seed"])
    return leaf.leaf_hash(one.event["seq"], leaf.preimage_of(one.event, seed))


def _trees(caller: Caller, head: Checkpoint, chance: random.Random) -> list[Grown]:
    caller.begin("Consistency")
    trees = []
    for _ in range(PROOFS):
        size = chance.randrange(1, head.size)
        answer = caller.get("consistency", f"/tree/consistency?from={size}&to={head.size}")
        found = answer.get_json()
        path = tuple(b64decode(one) for one in found["proof"])
        trees.append(Grown(size, b64decode(found["from_root"]), path))
    return trees


def _times(caller: Caller, head: Checkpoint, seconds: float) -> Table:
    table = Table(
        f"Proofs of a log of {head.size:,} events, by the API in this process",
        ["asked for", "times", "median, ms", "95 %, ms", "slowest, ms"],
        [f"the log, or what it had more than its tree, was sealed in {seconds:,.0f} s"],
    )
    for what in ("event", "proof", "consistency"):
        taken = sorted(caller.taken[what])
        middle, high = taken[len(taken) // 2], taken[len(taken) * 95 // 100]
        table.add(what, f"{len(taken):,}", ms(middle), ms(high), ms(taken[-1]))
    return table


def _held(head: Checkpoint, good: Proofs, wrong: Proofs) -> Table:
    table = Table("Proofs at random places", ["proof", "accepted", "spoiled", "of them accepted"])
    names = ("inclusion", "consistency")
    for name, right, spoiled in zip(names, good, wrong, strict=True):
        accepted = sum(one.holds(head) for one in right)
        slipped = sum(one.holds(head) for one in spoiled)
        table.add(name, f"{accepted:,} of {len(right):,}", f"{len(spoiled):,}", f"{slipped:,}")
        if accepted != len(right) or slipped:
            raise SystemExit(str(table))
    return table


def _add_files(table: Table, proven: Sequence[Proven], vkey: str, chance: random.Random) -> None:
    """Let the verifier that strangers use check every event and its proof, as files."""
    folder, wrong = bench_dir() / "event-proofs", event_files.spoiled(proven, chance)
    shutil.rmtree(folder, ignore_errors=True)
    event_files.write(folder / "right", proven, vkey)
    event_files.write(folder / "wrong", wrong, vkey)
    accepted, slipped = (event_files.accepted(folder / name) for name in ("right", "wrong"))
    table.add(
        "event, by the verifier",
        f"{accepted:,} of {len(proven):,}",
        f"{len(wrong):,}",
        f"{slipped:,}",
    )
    if accepted != len(proven) or slipped:
        raise SystemExit(str(table))
