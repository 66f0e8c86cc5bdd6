"""The sealed head of a log, its keys, and how it grew, as the API gives them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient

from auditsaas.api.models import ConsistencyProof, TreeHead, TreeKeys
from auditsaas.evidence.format import leaf, merkle
from auditsaas.evidence.format.cosignatures import cosignatures
from auditsaas.evidence.format.notes import base64, split, unbase64
from auditsaas.evidence.format.tlog_proof import TlogProof
from auditsaas.evidence.tree import checkpoints
from auditsaas.evidence.tree.store import Tree
from auditsaas.evidence.witnesses import registry, rounds
from auditsaas.evidence.witnesses.registry import WantedWitness
from auditsaas.permissions import ApiScope
from auditsaas.workspaces.models import Workspace
from tests.support.factories import (
    append_events,
    event_input,
    make_api_key,
    make_workspace,
    scoped,
)
from tests.support.proving import bearer, changed, check_event, events_of, get, opened
from tests.support.reads import counted
from tests.support.sealing import seal, vkey
from tests.support.witnesses import Witness, witnessing

FIRST, ALL = 300, 530


@pytest.fixture(scope="module")
def log(engine: object, settings: object) -> Workspace:
    """A log that was sealed twice: over a tile and a bit, and over two tiles and a bit."""
    workspace = make_workspace()
    append_events(workspace, [event_input(path=f"/{n}") for n in range(FIRST)])
    seal(workspace)
    append_events(workspace, [event_input(path=f"/{n}") for n in range(ALL - FIRST)])
    seal(workspace)
    return workspace


@pytest.fixture(scope="module")
def key(log: Workspace) -> str:
    return make_api_key(log, {ApiScope.EVENTS_READ})


@pytest.fixture
def unsealed() -> tuple[Workspace, str]:
    workspace = make_workspace()
    return workspace, make_api_key(workspace)


def test_head_of_the_tree_is_the_newest_checkpoint(
    client: FlaskClient, log: Workspace, key: str
) -> None:
    head = msgspec.json.decode(get(client, key, "/tree").data, type=TreeHead)
    assert head.note is not None
    signed = opened(head.note, vkey(log))
    assert (signed.origin, signed.size) == (head.origin, head.size)
    assert base64(signed.root) == head.root
    assert head.origin.endswith(f"/log/{log.id}")
    assert head.size == head.last_seq >= ALL
    assert (head.state, head.reason, head.behind_since) == ("growing", None, None)


def test_head_of_a_log_without_a_seal_is_empty(
    client: FlaskClient, unsealed: tuple[Workspace, str]
) -> None:
    head = msgspec.json.decode(get(client, unsealed[1], "/tree").data, type=TreeHead)
    assert (head.size, head.note, head.sealed_at) == (0, None, None)
    assert head.root == base64(merkle.EMPTY)


def test_head_says_since_when_an_event_waits(
    client: FlaskClient, unsealed: tuple[Workspace, str]
) -> None:
    workspace, key = unsealed
    append_events(workspace, [event_input()])
    received = events_of(client, key)[0]["received_at"]
    waiting = get(client, key, "/tree").json
    assert waiting is not None
    assert waiting["behind_since"] == received
    seal(workspace)
    sealed = get(client, key, "/tree").json
    assert sealed is not None
    assert sealed["behind_since"] is None


def test_keys_verify_the_checkpoint_and_say_since_when(
    client: FlaskClient, log: Workspace, key: str
) -> None:
    answer = msgspec.json.decode(get(client, key, "/tree/keys").data, type=TreeKeys)
    assert [one.key for one in answer.keys] == [vkey(log)]
    assert answer.keys[0].key.startswith(answer.origin + "+")
    assert answer.keys[0].retired_at is None


def test_tree_of_any_size_began_as_a_smaller_one(
    client: FlaskClient, log: Workspace, key: str
) -> None:
    leaves = leaves_of(log)
    sizes = random.Random(5).sample(range(1, ALL), 30)
    pairs = [(1, ALL), (FIRST, ALL), (ALL, ALL), *zip(sizes[::2], sizes[1::2], strict=True)]
    for low, high in map(sorted, pairs):
        answer = get(client, key, "/tree/consistency", **{"from": low, "to": high})
        proof = msgspec.json.decode(answer.data, type=ConsistencyProof)
        assert (proof.old, proof.to) == (low, high)
        before, after = (merkle.root_of(leaves[:size]) for size in (low, high))
        assert [proof.from_root, proof.to_root] == [base64(before), base64(after)]
        path = list(map(unbase64, proof.proof))
        merkle.check_consistency(low, high, path, before, after)


def test_consistency_without_an_end_leads_to_the_newest_checkpoint(
    client: FlaskClient, key: str
) -> None:
    head = get(client, key, "/tree").json
    proof = get(client, key, "/tree/consistency", **{"from": FIRST}).json
    assert head is not None
    assert proof is not None
    assert (proof["to"], proof["to_root"]) == (head["size"], head["root"])


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({}, ["from"]),
        ({"from": "0"}, ["from"]),
        ({"from": "-1"}, ["from"]),
        ({"from": "1.5"}, ["from"]),
        ({"from": "x"}, ["from"]),
        ({"from": ""}, ["from"]),
        ({"from": "٣"}, ["from"]),
        ({"from": str(2**70)}, ["from"]),
        ({"from": "9" * 5000}, ["from"]),
        ({"from": str(ALL + 100)}, ["from"]),
        ({"from": "9", "to": "8"}, ["from"]),
        ({"from": "9", "to": "0"}, ["to"]),
        ({"from": "9", "to": str(ALL + 100)}, ["to"]),
        ({"from": ["9", "10"]}, ["from"]),
        ({"from": "9", "until": "10"}, ["until"]),
    ],
)
def test_sizes_that_no_tree_has_are_refused_by_name(
    client: FlaskClient, key: str, asked: dict[str, Any], named: list[str]
) -> None:
    answer = get(client, key, "/tree/consistency", **asked)
    assert answer.status_code == 422
    assert answer.json is not None
    assert [error["field"] for error in answer.json["errors"]] == named


@pytest.mark.parametrize("address", ["/tree", "/tree/keys"])
def test_unknown_parameter_is_refused(client: FlaskClient, key: str, address: str) -> None:
    assert get(client, key, address, size="3").status_code == 422


def test_event_that_is_not_sealed_yet_is_to_be_asked_for_again(
    client: FlaskClient, unsealed: tuple[Workspace, str]
) -> None:
    workspace, key = unsealed
    for _ in range(2):
        event = str(append_events(workspace, [event_input()]).ids[0])
        for address in (f"/events/{event}/proof", *without_a_seal(workspace)):
            answer = get(client, key, address, **{"from": 1} if "tree" in address else {})
            assert answer.status_code == 409, answer.text
            assert answer.json is not None
            assert answer.json["title"] == "Not sealed yet"
            assert int(answer.headers["Retry-After"]) > 0
        seal(workspace)
        assert get(client, key, f"/events/{event}/proof").status_code == 200


def without_a_seal(workspace: Workspace) -> list[str]:
    with scoped(workspace.id) as session:
        sealed = checkpoints.newest(session, workspace.id)
    return [] if sealed else ["/tree/consistency"]


def test_consistency_with_a_root_that_was_signed_is_all_that_is_given(
    client: FlaskClient, unsealed: tuple[Workspace, str]
) -> None:
    workspace, key = unsealed
    append_events(workspace, [event_input()] * 3)
    old = seal(workspace).size
    append_events(workspace, [event_input()] * 5)
    seal(workspace)
    assert get(client, key, "/tree/consistency", **{"from": old}).status_code == 200
    changed(workspace, "UPDATE tree_leaves SET preimages = set_byte(preimages, 9, 7)")
    answer = get(client, key, "/tree/consistency", **{"from": old})
    assert answer.status_code == 409


def test_reading_the_head_is_no_read_of_the_log_and_a_proof_is_one(
    client: FlaskClient, unsealed: tuple[Workspace, str]
) -> None:
    workspace, key = unsealed
    event = append_events(workspace, [event_input()]).ids[0]
    get(client, key, "/tree")
    seal(workspace)
    for address in ("/tree", "/tree/keys"):
        get(client, key, address)
    assert counted(workspace) == []
    get(client, key, f"/events/{event}/proof")
    (read,) = counted(workspace)
    assert set(read.parts) == {"proof"}
    assert [str(one) for one in read.opened] == [str(event)]


def leaves_of(workspace: Workspace) -> list[bytes]:
    """The leaves that are stored, each by itself."""
    with scoped(workspace.id) as session:
        tree = Tree.of(session, workspace.id)
        kept = tree.preimages(1, tree.size)
        return [leaf.leaf_hash(number, one) for number, one in enumerate(kept, 1)]


@pytest.fixture
def cosigned() -> Iterator[tuple[Workspace, Witness, int]]:
    """A log that a witness cosigned once, and the size of it then."""
    workspace = make_workspace()
    append_events(workspace, [event_input()] * 3)
    size = seal(workspace).size
    with witnessing() as witness, scoped(workspace.id) as session:
        wanted = WantedWitness(name="W", vkey=str(witness.key.verifier), url=witness.url)
        added = registry.add(session, witness.policy, workspace.id, wanted)
        session.commit()
        assert rounds.ask(session, witness.policy, workspace.id, added.id).cosigned == size
        yield workspace, witness, size


def test_head_and_proofs_carry_the_cosignatures_and_name_the_cosigners(
    client: FlaskClient, cosigned: tuple[Workspace, Witness, int]
) -> None:
    workspace, witness, size = cosigned
    key, known = make_api_key(workspace), vkey(workspace)
    head = msgspec.json.decode(get(client, key, "/tree").data, type=TreeHead)
    [cosigner] = head.cosigners
    assert (cosigner.name, cosigner.key) == ("W", str(witness.key.verifier))
    assert cosigner.size == head.cosigned_size == size
    assert head.note is not None
    assert len(signers(head.note, witness)) == 1
    opened(head.note, known)
    checkpoint = client.get(f"/log/{workspace.id}/checkpoint", headers=bearer(key))
    assert checkpoint.text == head.note


def signers(note: str, witness: Witness) -> Sequence[object]:
    """The cosignatures of a witness under a note, each verified."""
    text, lines = split(note)
    return cosignatures(text, lines, witness.key.verifier)


def test_event_is_proven_below_the_cosigned_checkpoint_where_that_covers_it(
    client: FlaskClient, cosigned: tuple[Workspace, Witness, int]
) -> None:
    workspace, witness, size = cosigned
    append_events(workspace, [event_input()])
    newer, key, known = seal(workspace).size, make_api_key(workspace), vkey(workspace)
    first, *_, last = events_of(client, key)
    found = {}
    for event in (first, last):
        proof = get(client, key, f"/events/{event['id']}/proof").text
        head = check_event(event, proof, known)
        found[head.size] = len(signers(TlogProof.parse(proof).note, witness))
    assert found == {size: 1, newer: 0}
