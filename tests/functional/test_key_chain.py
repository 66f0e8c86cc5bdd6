"""A log that changed its key: who holds an old one follows to the new, by the log's own events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from auditsaas.evidence.format.notes import SigningKey
from auditsaas.evidence.format.tlog_proof import TlogProof
from auditsaas.evidence.tree import keys
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.bundles import COMPLETE, REFUSED, Proving, verify
from tests.support.commands import Commands
from tests.support.factories import (
    append_events,
    as_owner,
    event_input,
    make_api_key,
    make_member,
    make_workspace,
    scoped,
)
from tests.support.proving import changed, events_of, get, verified
from tests.support.sealing import seal

CHANGES = 2


@pytest.fixture
def changing(engine: object, settings: Settings) -> Workspace:
    """A log that changed its key twice, long enough ago that only the newest signs."""
    workspace, run = make_workspace(), Commands(settings)
    append_events(workspace, [event_input()] * 3)
    seal(workspace)
    for _ in range(CHANGES):
        run.done("tree", "key-rotate", workspace.slug)
        append_events(workspace, [event_input()] * 3)
        seal(workspace)
    with as_owner(workspace.id) as session:
        older = "UPDATE checkpoints SET at = at - interval '25 hours' WHERE workspace_id = :w"
        session.execute(text(older), {"w": workspace.id})
        session.commit()
    for _ in range(2):  # the first notices that the older keys are no longer needed
        append_events(workspace, [event_input()])
        newest = seal(workspace).note
    assert newest.count("\u2014") == 1
    return workspace


def known(workspace: Workspace) -> list[str]:
    with scoped(workspace.id) as session:
        return [str(one.verifier) for one in keys.verifier_keys(session, workspace.id)]


def stranger(workspace: Workspace) -> str:
    """A key of the log's name that the log never had."""
    return str(SigningKey(known(workspace)[0].partition("+")[0], bytes(32)).verifier)


def proof_of(client: FlaskClient, key: str, event: dict[str, Any]) -> str:
    answer = get(client, key, f"/events/{event['id']}/proof")
    assert answer.status_code == 200, answer.text
    return answer.text


def test_event_is_proven_to_the_holder_of_any_key_that_the_log_had(
    client: FlaskClient, changing: Workspace, tmp_path: Path
) -> None:
    key = make_api_key(changing)
    event = events_of(client, key)[0]
    proof = proof_of(client, key, event)
    assert len(TlogProof.parse(proof).extra["keys"]) == CHANGES
    held = known(changing)
    assert len(held) == CHANGES + 1
    answers = [verified(tmp_path, event, proof, one)[0] for one in (*held, stranger(changing))]
    assert answers == [0, 0, 0, 1]


def test_key_that_another_log_tells_of_is_not_followed(
    client: FlaskClient, changing: Workspace, tmp_path: Path
) -> None:
    key = make_api_key(changing)
    event = events_of(client, key)[0]
    proof = TlogProof.parse(proof_of(client, key, event))
    steps = json.loads(json.dumps(proof.extra["keys"]))
    steps[0]["event"]["metadata"]["key"] = stranger(changing)
    forged = TlogProof(proof.index, proof.path, proof.note, {**proof.extra, "keys": steps})
    assert verified(tmp_path, event, forged.text, known(changing)[0])[0] == 1


def test_steps_begin_after_a_change_whose_event_is_gone(
    client: FlaskClient, changing: Workspace, tmp_path: Path
) -> None:
    key = make_api_key(changing)
    first, *_ = events = events_of(client, key)
    change = next(one for one in events if one["activity"] == "tree.key_rotate")
    changed(changing, "DELETE FROM events", change["seq"])
    proof = proof_of(client, key, first)
    assert len(TlogProof.parse(proof).extra["keys"]) == CHANGES - 1
    answers = [verified(tmp_path, first, proof, one)[0] for one in known(changing)]
    assert answers == [1, 0, 0]


def test_event_of_a_change_that_was_changed_gives_no_proof(
    client: FlaskClient, changing: Workspace
) -> None:
    key = make_api_key(changing)
    first, *_ = events = events_of(client, key)
    change = next(one for one in events if one["activity"] == "tree.key_rotate")
    changed(changing, "UPDATE events SET metadata = '{}'", change["seq"])
    answer = get(client, key, f"/events/{first['id']}/proof")
    assert answer.status_code == 409


def test_file_is_proven_to_the_holder_of_any_key_that_the_log_had(
    app: Flask, changing: Workspace, tmp_path: Path
) -> None:
    proving = Proving(app, make_member(changing), changing, tmp_path)
    made = proving.opened()
    assert made.files["KEY.txt"].decode().strip() == known(changing)[-1]
    asked = (*known(changing), stranger(changing))
    answers = [verify(tmp_path / "v", made.jsonl, made.proof, one).code for one in asked]
    assert answers == [COMPLETE, COMPLETE, COMPLETE, REFUSED]
