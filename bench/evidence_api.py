"""Proofs as the API gives them: how long one takes, and whether each of a thousand holds.

They are checked here by RFC 9162's algorithms, and written for other people's programs, beside as
many that are wrong, into ``interop.json`` and ``interop-wrong.json`` where datasets are kept.
"""

from __future__ import annotations

import json
import logging
import random
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
from bench import interop
from bench.dataset import Dataset, bench_dir
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
    records, note = _records(dataset, caller, head, chance)
    trees = _trees(caller, head, chance)
    spoiled = (
        interop.wrong_records(records, head.size, chance),
        interop.wrong_trees(trees, chance),
    )
    interop.write(bench_dir() / "interop.json", note, vkey, head, (records, trees))
    interop.write(bench_dir() / "interop-wrong.json", note, vkey, head, spoiled)
    return [_times(caller, head, seconds), _held(head, (records, trees), spoiled)]


def _seal(dataset: Dataset) -> float:
    """Seal the biggest log as far as it goes; return the seconds that it took."""
    began = time.perf_counter()
    with dataset.app.app_context():
        grow(dataset.big, Keyring.of(dataset.settings), turn=DAY, at_once=True)
        db.session.remove()
    return time.perf_counter() - began


def _records(
    dataset: Dataset, caller: Caller, head: Checkpoint, chance: random.Random
) -> tuple[list[Record], str]:
    """Ask for the proofs of events at random places; return them, and the note they are under."""
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
    proofs = [TlogProof.parse(one) for one in texts]
    hashed = [_leaf(event, one) for event, one in zip(events, proofs, strict=True)]
    records = [
        Record(one.index, leaf_hash, one.path)
        for one, leaf_hash in zip(proofs, hashed, strict=True)
    ]
    return records, proofs[-1].note


def _leaf(event: dict[str, Any], proof: TlogProof) -> bytes:
    seed = b64decode(proof.extra["seed"])
    return leaf.leaf_hash(event["seq"], leaf.preimage_of(event, seed))


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
