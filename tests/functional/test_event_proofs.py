"""The proof of one event, by the API and as a file, and when there is none."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from auditsaas.accounts.models import User
from auditsaas.evidence.format.merkle import ProofRefused
from auditsaas.evidence.format.tlog_proof import TlogProof
from auditsaas.permissions import ApiScope, Role
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.erasing import Asking
from tests.support.factories import (
    append_events,
    event_input,
    make_api_key,
    make_member,
    make_workspace,
)
from tests.support.proving import changed, check_event, events_of, get, verified
from tests.support.sealing import seal, vkey

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
    """A sealed log of a tile and a bit."""
    workspace = make_workspace()
    append_events(workspace, [FULL, *(event_input(path=f"/{n}") for n in range(299))])
    seal(workspace)
    return workspace


@pytest.fixture(scope="module")
def key(log: Workspace) -> str:
    return make_api_key(log, {ApiScope.EVENTS_READ})


@pytest.fixture
def unsealed() -> tuple[Workspace, str]:
    workspace = make_workspace()
    return workspace, make_api_key(workspace)


def test_every_chosen_event_proves_and_a_changed_one_does_not(
    client: FlaskClient, log: Workspace, key: str
) -> None:
    events, known = events_of(client, key), vkey(log)
    chosen = [events[0], *random.Random(4).sample(events, 40), events[-1]]
    for event in chosen:
        answer = get(client, key, f"/events/{event['id']}/proof")
        assert answer.status_code == 200, answer.text
        assert check_event(event, answer.text, known).size >= 300
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


def test_event_that_is_gone_is_told_in_words(client: FlaskClient, key: str) -> None:
    answer = get(client, key, f"/events/{uuid4()}/proof")
    assert answer.status_code == 404
    assert answer.json is not None
    assert "retention removed" in answer.json["detail"]


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


def test_key_of_another_workspace_proves_nothing_of_this_one(
    client: FlaskClient, key: str, unsealed: tuple[Workspace, str]
) -> None:
    event = events_of(client, key)[0]["id"]
    assert get(client, unsealed[1], f"/events/{event}/proof").status_code == 404


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
