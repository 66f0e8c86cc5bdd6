"""Files and checks of a log whose words were erased and whose old events went: it still proves."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, update

from auditsaas.evidence.checking import scanning
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tasks.maintenance import apply_retention
from tests.support.bundles import COMPLETE, ORACLE, REFUSED, Opened, Proving, ask_oracle, verify
from tests.support.erasing import Asking
from tests.support.factories import as_owner, scoped
from tests.support.sealing import seal

WHOLE = ("person", "address", "client", "id", "targets", "changes", "metadata")
OLD = (datetime.now(UTC) - timedelta(days=90)).isoformat()


@pytest.fixture(scope="module")
def asking(app: Flask, owner_engine: Engine, settings: Settings) -> Asking:
    """A log with events of three people: one erased in part, one in whole, one not."""
    made = Asking.found(settings)
    for person in ("ola", "mira", "daniel"):
        made.send(person, 3)
    made.send("ola", 2, occurred_at=OLD)
    made.erase(app, owner_engine, "ola")
    made.erase(app, owner_engine, "mira", WHOLE)
    return made


@pytest.fixture(scope="module")
def file(app: Flask, asking: Asking, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """The export of all of it, with its proof."""
    folder = tmp_path_factory.mktemp("files")
    return Proving(app, asking.asker, asking.workspace, folder).opened()


def answers(folder: Path, made: Opened, proof: list[dict[str, Any]], body: bytes) -> list[int]:
    """What the product's verifier ends with, and the other one where it is there."""
    codes = [verify(folder, body, proof, made.vkey).code]
    if ORACLE.exists():
        codes.append(ask_oracle(folder, body, proof, made.vkey).code)
    return codes


def test_file_of_erased_events_is_proven_complete(file: Opened, tmp_path: Path) -> None:
    answer = verify(tmp_path, file.jsonl, file.proof, file.vkey)
    assert answer.code == COMPLETE, answer.words
    assert set(answers(tmp_path, file, file.proof, file.jsonl)) == {COMPLETE}
    assert sum("erased" in line for line in file.proof) == 8


@pytest.mark.parametrize(
    ("seq", "put_back"),
    [
        (1, {"ip": "203.0.113.77"}),
        (1, {"user_agent": "Agent of ola"}),
        (1, {"platform": "Linux"}),
        (1, {"actor": {"id": "ola", "role": "clerk", "name": "Name ola"}}),
        (4, {"metadata": {"note": "said by mira", "n": 1.5}}),
        (4, {"targets": [{"type": "order", "id": "order of mira"}]}),
        (4, {"changes": {"state": ["open", "closed by mira"]}}),
        (4, {"actor": {"id": "mira", "role": "clerk"}}),
    ],
)
def test_value_that_is_put_back_is_refused(
    file: Opened, tmp_path: Path, seq: int, put_back: dict[str, Any]
) -> None:
    rows = file.rows
    rows[seq - 1] |= put_back
    body, proof = rewritten(file, rows)
    assert set(answers(tmp_path, file, proof, body)) == {REFUSED}


@pytest.mark.parametrize("slot", ["3", "6"])
def test_other_salt_or_hash_is_refused(file: Opened, tmp_path: Path, slot: str) -> None:
    proof = deepcopy(file.proof)
    if slot in proof[1]["erased"]:
        proof[1]["erased"][slot] = b64encode(bytes(32)).decode()
    else:
        proof[1]["salts"][int(slot)] = b64encode(bytes(16)).decode()
    assert set(answers(tmp_path, file, proof, file.jsonl)) == {REFUSED}


def test_slot_that_is_called_erased_and_is_not_is_refused(file: Opened, tmp_path: Path) -> None:
    proof, rows = deepcopy(file.proof), file.rows
    del rows[0]["metadata"]
    body, head = rewritten(file, rows)
    proof[0] = head[0]
    assert set(answers(tmp_path, file, proof, body)) == {REFUSED}


def rewritten(file: Opened, rows: list[dict[str, Any]]) -> tuple[bytes, list[dict[str, Any]]]:
    """The file of other rows, and the proof with its digest, as a forger would state it."""
    body = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
    proof = deepcopy(file.proof)
    proof[0]["sha256"] = hashlib.sha256(body).hexdigest()
    return body, proof


def test_check_of_everything_finds_nothing(asking: Asking) -> None:
    seal(asking.workspace)
    with scoped(asking.workspace.id) as session:
        assert scanning.check(session, asking.workspace.id) == []


def test_file_after_retention_is_proven_complete(
    app: Flask, asking: Asking, file: Opened, tmp_path: Path
) -> None:
    with as_owner(asking.workspace.id) as owner:
        keep = update(Workspace).where(Workspace.id == asking.workspace.id)
        owner.execute(keep.values(retention_days=30))
        owner.commit()
    seal(asking.workspace)
    with app.app_context():
        assert apply_retention() >= 2
    made = Proving(app, asking.asker, asking.workspace, tmp_path).opened()
    assert sum("gone" in line for line in made.proof) == 2
    assert set(answers(tmp_path, made, made.proof, made.jsonl)) == {COMPLETE}
    with scoped(asking.workspace.id) as session:
        assert scanning.check(session, asking.workspace.id) == []
