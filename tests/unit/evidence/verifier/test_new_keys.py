"""A verifier key that is older than the one that signs: the log's own records lead from it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from auditsaas.evidence.format.notes import SigningKey
from tests.support.proofs import ORIGIN, PROVEN, REFUSED, Log, Row, answer, event

SECRETS = [bytes([number]) * 32 for number in range(3)]
KEYS = [str(SigningKey(ORIGIN, secret).verifier) for secret in SECRETS]


def rotated(seq: int, key: str, **more: Any) -> dict[str, Any]:
    made = {"activity": "tree.key_rotate", "source": "product", "metadata": {"key": key}}
    return event(seq - 1, **{**made, **more})


def log(size: int, secret: bytes, **more: Any) -> Log:
    """The log when it was this large, signed by this key; events 3 and 6 change keys."""
    rows = [event(n) for n in range(9)]
    rows[2], rows[5] = rotated(3, KEYS[1], **more), rotated(6, KEYS[2])
    return Log(rows[:size], secret=secret)


def step(at: int, **more: Any) -> dict[str, Any]:
    """The record that leads from one key to the next."""
    seq = 3 * (at + 1)
    then = log(seq, SECRETS[at], **more)
    return {"key": KEYS[at], "event": then.rows[seq - 1], "proof": then.proof_of(seq)}


@pytest.mark.parametrize("known", KEYS)
def test_key_of_any_age_is_followed(known: str) -> None:
    bundle = log(9, SECRETS[2]).file(keys=[step(0), step(1)])
    bundle.key = known
    code, words = answer(bundle)
    assert code == PROVEN
    assert "+".join(KEYS[2].split("+")[:2]) in words


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [step(1)],
        [step(0)],
        [step(1), step(0)],
        [step(0, source="api:x"), step(1)],
        [step(0, activity="tree.key_create"), step(1)],
        [step(0, metadata={}), step(1)],
        [step(0, metadata={"key": 1}), step(1)],
        [{**step(0), "event": rotated(3, KEYS[2])}, step(1)],
        [{**step(0), "proof": log(9, SECRETS[1]).proof_of(3)}, step(1)],
        [None],
        None,
        "keys",
    ],
)
def test_records_that_do_not_lead_to_the_key_that_signs_are_refused(keys: Any) -> None:
    bundle = log(9, SECRETS[2]).file(keys=keys)
    bundle.key = KEYS[0]
    assert answer(bundle).code == REFUSED


def test_record_does_not_lead_into_another_log() -> None:
    other = SigningKey("audit.example.com/log/other", bytes(32))
    first: Row = {"event": rotated(3, str(other.verifier)), "key": KEYS[0]}
    then = Log([event(0), event(1), first["event"]], secret=SECRETS[0])
    strange = Log([event(n) for n in range(4)], origin=other.name, secret=bytes(32))
    bundle = strange.file(keys=[{**first, "proof": then.proof_of(3)}])
    assert answer(bundle).code == PROVEN
    bundle.key = KEYS[0]
    assert answer(bundle).code == REFUSED


def test_removal_is_proven_under_the_key_that_signs() -> None:
    rows: list[Row] = [event(n) for n in range(4)]
    own = {"activity": "retention.apply", "source": "product"}
    rows.append(event(4, **own, metadata={"before": rows[2]["occurred_at"]}))
    late = Log(rows, secret=SECRETS[1])
    record = {"event": rows[4], "proof": late.proof_of(5)}
    gone = {n: late.hidden(n, gone=1) for n in (1, 2)}
    bundle = late.file(instead=gone, cut=late.kept[2][0], retention=record, keys=[step(0)])
    bundle.key = KEYS[0]
    assert answer(bundle).code == PROVEN
    bundle.head["retention"] = json.loads(json.dumps(record).replace("product", "cli"))
    assert answer(bundle).code == REFUSED
