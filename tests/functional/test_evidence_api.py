"""What the API proves: the sealed head, its keys, consistency, and one event."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from auditsaas.accounts.models import User
from auditsaas.api.models import ConsistencyProof, TreeHead, TreeKeys
from auditsaas.evidence.format import leaf, merkle
from auditsaas.evidence.format.merkle import ProofRefused
from auditsaas.evidence.format.notes import base64, unbase64
from auditsaas.evidence.format.tlog_proof import TlogProof
from auditsaas.evidence.tree import checkpoints
from auditsaas.evidence.tree.store import Tree
from auditsaas.evidence.verifier import auditlog_verify
from auditsaas.permissions import ApiScope, Role
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.erasing import Asking
from tests.support.factories import (
    OwnerSessions,
    append_events,
    event_input,
    make_api_key,
    make_member,
    make_workspace,
    scoped,
)
from tests.support.proving import check_event, opened
from tests.support.reads import counted
from tests.support.sealing import seal, vkey

VERIFIER = auditlog_verify.__file__
FIRST, ALL = 300, 530
FULL = event_input(
    occurred_at="2026-11-16T10:00:00.123456Z",
    idempotency_key="k",
    user_agent="curl/8.5.0",
    duration_ms=0.25,
    request_id="req-é",
    targets=[{"type": "invoice", "id": "42"}],
    changes={"total": [1, 2.5e-7]},
    metadata={"n": 12345678901234567890, "x": [1e16, 1e21, -0.0, None, True, "𝄞\u007f"]},
)


@pytest.fixture(scope="module")
def log(engine: object, settings: object) -> Workspace:
    """A log that was sealed twice: over a tile and a bit, and over two tiles and a bit."""
    workspace = make_workspace()
    append_events(workspace, [FULL, *(event_input(path=f"/{n}") for n in range(FIRST - 1))])
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


def get(client: FlaskClient, key: str, address: str, **args: Any) -> TestResponse:
    return client.get(
        f"/api/v1{address}", query_string=args, headers={"Authorization": f"Bearer {key}"}
    )


def events_of(client: FlaskClient, key: str) -> list[dict[str, Any]]:
    answer = get(client, key, "/events/feed", limit=1000)
    assert answer.json is not None
    return list(answer.json["data"])


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


def test_every_chosen_event_proves_and_a_changed_one_does_not(
    client: FlaskClient, log: Workspace, key: str
) -> None:
    events, known = events_of(client, key), vkey(log)
    chosen = [events[0], *random.Random(4).sample(events, 40), events[-1]]
    for event in chosen:
        answer = get(client, key, f"/events/{event['id']}/proof")
        assert answer.status_code == 200, answer.text
        assert check_event(event, answer.text, known).size >= ALL
        with pytest.raises(ProofRefused):
            check_event(event | {"activity": "invoice.updat"}, answer.text, known)


def test_proof_is_a_file_of_text_and_marks_every_slot(client: FlaskClient, key: str) -> None:
    event = events_of(client, key)[0]
    answer = get(client, key, f"/events/{event['id']}/proof")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert f'filename="{event["id"]}.tlog-proof"' in answer.headers["Content-Disposition"]
    extra = TlogProof.parse(answer.text).extra
    assert sorted(extra) == ["mark", "seed"]
    assert len(extra["mark"]) == 48  # 34 bytes in base64


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


def test_event_that_is_gone_is_told_in_words(client: FlaskClient, key: str) -> None:
    answer = get(client, key, f"/events/{uuid4()}/proof")
    assert answer.status_code == 404
    assert answer.json is not None
    assert "retention removed" in answer.json["detail"]


TABLE = re.compile(r"(?:UPDATE|DELETE FROM) (\w+)")


def changed(workspace: Workspace, statement: str) -> None:
    """Change the log as the owner of its tables can, whom no policy stops for long."""
    found = TABLE.match(statement)
    assert found is not None
    with OwnerSessions.begin() as session:
        session.execute(text(f"ALTER TABLE {found[1]} NO FORCE ROW LEVEL SECURITY"))  # ours
        of = "workspace_id = :workspace" + (" AND seq = 2" if found[1] == "events" else "")
        result = session.execute(text(f"{statement} WHERE {of}"), {"workspace": workspace.id})
        assert result.rowcount > 0  # type: ignore[attr-defined]  # of a cursor
        session.execute(text(f"ALTER TABLE {found[1]} FORCE ROW LEVEL SECURITY"))  # ours


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET path = '/other'",
        "UPDATE events SET metadata = '{}'",
        "UPDATE events SET seq = -seq",
        "UPDATE tree_leaves SET preimages = set_byte(preimages, 130, 7)",
        "UPDATE tree_leaves SET seeds = set_byte(seeds, 16, get_byte(seeds, 16) # 1)",
        "DELETE FROM tree_leaves",
    ],
    ids=["field", "metadata", "number", "another's leaf", "seed", "no leaves"],
)
def test_proof_that_would_prove_nothing_is_not_given(
    client: FlaskClient, unsealed: tuple[Workspace, str], statement: str
) -> None:
    workspace, key = unsealed
    event = append_events(workspace, [event_input()] * 5).ids[1]
    seal(workspace)
    assert get(client, key, f"/events/{event}/proof").status_code == 200
    changed(workspace, statement)
    answer = get(client, key, f"/events/{event}/proof")
    assert answer.status_code == 409
    assert answer.json is not None
    assert answer.json["title"] == "Not as sealed"


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


def test_key_of_another_workspace_proves_nothing_of_this_one(
    client: FlaskClient, key: str, unsealed: tuple[Workspace, str]
) -> None:
    event = events_of(client, key)[0]["id"]
    assert get(client, unsealed[1], f"/events/{event}/proof").status_code == 404


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


def test_person_downloads_the_proof_of_an_event(
    browser: Callable[[User], FlaskClient], unsealed: tuple[Workspace, str], client: FlaskClient
) -> None:
    workspace, key = unsealed
    event = append_events(workspace, [event_input()]).ids[0]
    reader = browser(make_member(workspace, Role.AUDITOR))
    address = f"/w/{workspace.slug}/events/{event}/proof"
    assert reader.get(address).status_code == 409
    seal(workspace)
    answer = reader.get(address)
    assert answer.status_code == 200
    assert f'filename="{event}.tlog-proof"' in answer.headers["Content-Disposition"]
    given = get(client, key, f"/events/{event}").json
    assert given is not None
    check_event(given, answer.text, vkey(workspace))
    assert reader.get(f"/w/{workspace.slug}/events/{uuid4()}/proof").status_code == 404


def leaves_of(workspace: Workspace) -> list[bytes]:
    """The leaves that are stored, each by itself."""
    with scoped(workspace.id) as session:
        tree = Tree.of(session, workspace.id)
        kept = tree.preimages(1, tree.size)
        return [leaf.leaf_hash(number, one) for number, one in enumerate(kept, 1)]


def verified(folder: Path, event: dict[str, Any], proof: str, known: str) -> tuple[int, str]:
    """The end and the words of the verifier, asked as a stranger does with three files."""
    files = {"event.json": json.dumps(event), "event.tlog-proof": proof, "key.txt": known}
    for name, held in files.items():
        (folder / name).write_text(held)
    run = subprocess.run(
        [sys.executable, VERIFIER, *files], cwd=folder, capture_output=True, text=True, check=False
    )
    return run.returncode, run.stdout


def test_verifier_proves_the_event_and_names_the_field_that_was_changed(
    client: FlaskClient, log: Workspace, key: str, tmp_path: Path
) -> None:
    event = events_of(client, key)[0]
    proof = get(client, key, f"/events/{event['id']}/proof").text
    assert verified(tmp_path, event, proof, vkey(log))[0] == 0
    code, words = verified(tmp_path, event | {"path": "/other"}, proof, vkey(log))
    assert code == 1
    assert "path" in words


def test_event_of_which_words_were_erased_still_proves_and_takes_none_back(
    app: Flask, client: FlaskClient, settings: Settings, owner_engine: Engine, tmp_path: Path
) -> None:
    asking = Asking.found(settings)
    asking.send("u_77")
    asking.erase(app, owner_engine, "u_77")
    key, known = make_api_key(asking.workspace), vkey(asking.workspace)
    event = next(one for one in events_of(client, key) if one["activity"] == "invoice.update")
    proof = get(client, key, f"/events/{event['id']}/proof").text
    extra = TlogProof.parse(proof).extra
    assert "seed" not in extra
    assert sorted(extra["erased"], key=int) == ["6", "8", "9"]
    check_event(event, proof, known)
    assert verified(tmp_path, event, proof, known)[0] == 0
    code, words = verified(tmp_path, event | {"ip": "203.0.113.77"}, proof, known)
    assert code == 1
    assert "ip is said to be erased, and is there" in words
