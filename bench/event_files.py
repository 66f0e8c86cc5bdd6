"""Events and their proofs as files, right and spoiled, and what a verifier says of each.

Another verifier reads the same: ``right`` and ``wrong`` hold ``N.json`` and ``N.tlog-proof``,
beside ``key.txt``.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from auditsaas.evidence.format.notes import base64, unbase64
from auditsaas.evidence.format.tlog_proof import TlogProof
from auditsaas.evidence.verifier import auditlog_verify
from bench.interop import flipped


@dataclass(frozen=True)
class Proven:
    """An event as the API gave it, and its proof."""

    event: dict[str, Any]
    proof: TlogProof


Spoil = Callable[[Proven, random.Random], Proven]


def _another(one: Proven, **fields: Any) -> Proven:
    return replace(one, event={**one.event, **fields})


def _value(one: Proven, _chance: random.Random) -> Proven:
    return _another(one, activity=one.event["activity"] + "s")


def _added(one: Proven, _chance: random.Random) -> Proven:
    return _another(one, note="later")


def _dropped(one: Proven, _chance: random.Random) -> Proven:
    return replace(one, event={k: v for k, v in one.event.items() if k != "source"})


def _time(one: Proven, _chance: random.Random) -> Proven:
    moved = datetime.fromisoformat(one.event["occurred_at"]) + timedelta(microseconds=1)
    return _another(one, occurred_at=moved.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))


def _number(one: Proven, _chance: random.Random) -> Proven:
    proof = replace(one.proof, index=one.proof.index ^ 1)
    return replace(_another(one, seq=proof.index + 1), proof=proof)


def _hash(one: Proven, chance: random.Random) -> Proven:
    path = list(one.proof.path)
    at = chance.randrange(len(path))
    path[at] = flipped(path[at], chance)
    return replace(one, proof=replace(one.proof, path=tuple(path)))


def _seed(one: Proven, chance: random.Random) -> Proven:
    seed = base64(flipped(unbase64(one.proof.extra["seed"]), chance))
    return replace(one, proof=replace(one.proof, extra={"seed": seed}))


def _signature(one: Proven, chance: random.Random) -> Proven:
    text, found, coded = one.proof.note.rstrip("\n").rpartition(" ")
    signed = unbase64(coded)
    other = base64(signed[:4] + flipped(signed[4:], chance))
    return replace(one, proof=replace(one.proof, note=f"{text}{found}{other}\n"))


SPOILS: tuple[Spoil, ...] = (*(_value, _added, _dropped, _time, _number, _hash, _seed, _signature),)


def spoiled(good: Sequence[Proven], chance: random.Random) -> list[Proven]:
    """Spoil each in one of eight ways, in turn."""
    return [SPOILS[at % len(SPOILS)](one, chance) for at, one in enumerate(good)]


def write(folder: Path, proven: Sequence[Proven], vkey: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "key.txt").write_text(f"{vkey}\n")
    for at, one in enumerate(proven):
        (folder / f"{at}.json").write_text(json.dumps(one.event, ensure_ascii=False))
        (folder / f"{at}.tlog-proof").write_text(one.proof.text)


def accepted(folder: Path) -> int:
    """Count the events of a folder that the product's verifier calls proven."""
    key, found = str(folder / "key.txt"), 0
    for proof in folder.glob("*.tlog-proof"):
        with redirect_stdout(io.StringIO()):
            code = auditlog_verify.main([str(proof.with_suffix(".json")), str(proof), key])
        found += code == 0
    return found
