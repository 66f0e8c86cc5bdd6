"""The proof of one event (C2SP tlog-proof@v1): what the verifier accepts, and what it does not."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from auditsaas.evidence.format import leaf
from auditsaas.evidence.format.notes import SigningKey, base64
from tests.support.proofs import MISUSED, PROVEN, REFUSED, Answer, Log, answer_to, event, written

LOG = Log.of(11)
KEY = str(LOG.key.verifier)
Change = Callable[[str], str]


def asked(file: bytes, proof: str, key: str = KEY) -> Answer:
    return answer_to(file, proof.encode(), key, "event.json")


@pytest.mark.parametrize("seq", range(1, 12))
def test_every_event_of_a_log_proves_by_itself(seq: int) -> None:
    code, words = asked(written(LOG.rows[seq - 1]), LOG.proof_of(seq))
    assert code == PROVEN
    assert f"is in the log as it was written, {seq} of 11" in words


@pytest.mark.parametrize("size", range(1, 20))
def test_first_and_last_event_of_a_log_of_any_size_prove(size: int) -> None:
    log = Log.of(size)
    for seq in {1, size}:
        assert asked(written(log.rows[seq - 1]), log.proof_of(seq)).code == PROVEN


def test_event_may_be_written_over_several_lines() -> None:
    file = json.dumps(LOG.rows[4], indent=2).encode()
    assert asked(file, LOG.proof_of(5)).code == PROVEN


@pytest.mark.parametrize("seq", [1, 4, 6, 11])
def test_event_is_not_proven_by_the_proof_of_another(seq: int) -> None:
    assert asked(written(LOG.rows[4]), LOG.proof_of(seq)).code == REFUSED
    moved = written({**LOG.rows[4], "seq": seq})
    assert asked(moved, LOG.proof_of(seq)).code == REFUSED


def test_changed_event_is_refused_and_its_field_named() -> None:
    changed = written({**LOG.rows[4], "method": "GET"})
    seed = base64(LOG.seeds[4])
    code, words = asked(changed, LOG.proof_of(5, seed=seed, mark=LOG.mark(5)))
    assert (code, "method is not as it was written" in words) == (REFUSED, True)
    assert asked(changed, LOG.proof_of(5)).code == REFUSED


def test_erased_event_proves_by_its_salts() -> None:
    row = event(4)
    del row["ip"]
    salts = [bytes(16) if at == 8 else s for at, s in enumerate(leaf.salts_of(LOG.seeds[4]))]
    extra = {"salts": [*map(base64, salts)], "erased": {"8": base64(LOG.slots[4][8])}}
    assert asked(written(row), LOG.proof_of(5, **extra)).code == PROVEN
    assert asked(written(event(4)), LOG.proof_of(5, **extra)).code == REFUSED


CHANGES: dict[str, Change] = {
    "other first line": lambda text: text.replace("@v1", "@v2"),
    "no extra": lambda text: "\n".join((text.split("\n")[0], *text.split("\n")[2:])),
    "extra of another form": lambda text: text.replace("extra ", "extra A"),
    "index of another event": lambda text: text.replace("index 4", "index 3"),
    "index below zero": lambda text: text.replace("index 4", "index -4"),
    "index beyond the log": lambda text: text.replace("index 4", "index 11"),
    "index that is huge": lambda text: text.replace("index 4", f"index {10**30}"),
    "index that is none": lambda text: text.replace("index 4", "index x"),
    "one hash fewer": lambda text: "\n".join((*text.split("\n")[:3], *text.split("\n")[4:])),
    "one hash more": lambda text: text.replace("\n\n", f"\n{base64(bytes(32))}\n\n", 1),
    "hashes the other way round": lambda text: "\n".join(
        (*text.split("\n")[:3], *text.split("\n")[3:7][::-1], *text.split("\n")[7:])
    ),
    "no checkpoint": lambda text: text.partition("\n\n")[0] + "\n\n",
    "another size": lambda text: text.replace("\n11\n", "\n12\n"),
    "a size that is none": lambda text: text.replace("\n11\n", "\n0011\n"),
    "unsigned": lambda text: text.rpartition("\n\n")[0] + "\n\n",
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_proof_is_refused(name: str) -> None:
    proof = LOG.proof_of(5)
    assert CHANGES[name](proof) != proof
    assert asked(written(LOG.rows[4]), CHANGES[name](proof)).code == REFUSED


def test_proof_by_another_key_is_refused() -> None:
    key = str(SigningKey(LOG.origin, bytes(32)).verifier)
    code, words = asked(written(LOG.rows[4]), LOG.proof_of(5), key)
    assert (code, "KEY did not sign" in words) == (REFUSED, True)


def test_two_events_are_no_event() -> None:
    file = written(LOG.rows[4]) + written(LOG.rows[4])
    assert asked(file, LOG.proof_of(5)).code == REFUSED


def test_table_is_no_event() -> None:
    assert answer_to(b"", LOG.proof_of(5).encode(), KEY, "event.csv").code == MISUSED
