"""Files with proof of logs that something happened to, and forgeries of such files."""

from __future__ import annotations

import copy
import hashlib
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine

from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tasks.maintenance import apply_retention
from tests.support import sealing
from tests.support.bundles import (
    COMPLETE,
    INCOMPLETE,
    ORACLE,
    REFUSED,
    Opened,
    Proving,
    ask_oracle,
    every_kind,
    verify,
)
from tests.support.commands import Commands
from tests.support.erasing import Asking
from tests.support.factories import append_events, event_input, make_member, make_workspace, unique
from tests.support.retaining import only_this_keeps_for_days

Line = dict[str, Any]


@pytest.fixture(scope="module")
def forged(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """A file with proof that is true, to be changed."""
    workspace = make_workspace()
    append_events(workspace, every_kind())
    folder = tmp_path_factory.mktemp("forged")
    return Proving(app, make_member(workspace), workspace, folder).opened({"status": "error"})


def proving(app: Flask, workspace: Workspace, folder: Path) -> Proving:
    return Proving(app, make_member(workspace), workspace, folder)


def drop_first(body: bytes, proof: list[Line]) -> tuple[bytes, Line]:
    """Hide the file's first row; its own line of the proof is for the test to change."""
    return body.partition(b"\n")[2], next(line for line in proof if "in" in line)


def as_if_older(body: bytes, proof: list[Line]) -> bytes:
    hidden, line = drop_first(body, proof)
    line.clear()
    line.update(t=0, root=proof[0]["outside"][0] if proof[0]["outside"] else "AA==")
    return hidden


def as_if_removed(body: bytes, proof: list[Line]) -> bytes:
    hidden, line = drop_first(body, proof)
    shown = next(one for one in proof if "open" in one)
    line.clear()
    line.update(t=shown["t"], root=proof[0]["sha256"], gone=1)
    return hidden


def as_if_other(body: bytes, proof: list[Line]) -> bytes:
    hidden, line = drop_first(body, proof)
    shown = next(one for one in proof if "open" in one)
    line.clear()
    line.update(shown)
    return hidden


FORGERIES: dict[str, Callable[[bytes, list[Line]], bytes]] = {
    "a value changed": lambda body, _: body.replace(b'"error"', b'"success"', 1),
    "metadata changed": lambda body, _: body.replace(b'"hard":', b'"hart":', 1),
    "a source changed": lambda body, _: body.replace(b'"cli"', b'"product"', 1),
    "a field added": lambda body, _: body.replace(b'{"id"', b'{"note":"seen","id"', 1),
    "a field added to an actor": lambda body, _: body.replace(b'{"id":"u_', b'{"x":1,"id":"u_', 1),
    "a name twice": lambda body, _: body.replace(b'"status":', b'"status":"success","status":', 1),
    "a row dropped": lambda body, _: b"".join(body.splitlines(keepends=True)[:-1]),
    "a row added": lambda body, _: body + body.splitlines(keepends=True)[-1],
    "rows swapped": lambda body, _: b"".join(body.splitlines(keepends=True)[::-1]),
    "a row hidden by a false time": as_if_older,
    "a row hidden as removed": as_if_removed,
    "a row hidden by another's value": as_if_other,
    "the proof cut off": lambda body, proof: (proof.pop(), body)[1],
    "a number less": lambda body, proof: (proof[0].update(last=proof[0]["last"] - 1), body)[1],
    "another range": lambda body, proof: (proof[0].update(first=2), body)[1],
    "another filter": lambda body, proof: (proof[0].update(query={"status": ["success"]}), body)[1],
    "another size": lambda body, proof: (
        proof[0].update(checkpoint=proof[0]["checkpoint"].replace("\n38\n", "\n37\n")),
        body,
    )[1],
}


@pytest.mark.parametrize("kind", FORGERIES)
def test_forged_file_or_proof_is_refused(forged: Opened, tmp_path: Path, kind: str) -> None:
    proof = copy.deepcopy(forged.proof)
    body = FORGERIES[kind](forged.jsonl, proof)
    assert (body, proof) != (forged.jsonl, forged.proof)
    proof[0]["sha256"] = hashlib.sha256(body).hexdigest()
    assert verify(tmp_path, body, proof, forged.vkey, "-O").code == REFUSED


def test_refused_row_is_named_with_its_field(forged: Opened, tmp_path: Path) -> None:
    rows = forged.rows
    rows[2]["path"] = "/elsewhere"
    body = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    proof = [{**forged.proof[0], "sha256": hashlib.sha256(body).hexdigest()}, *forged.proof[1:]]
    answer = verify(tmp_path, body, proof, forged.vkey)
    assert answer.code == REFUSED
    assert "line 3 of the file" in answer.words
    assert "path" in answer.words


def test_key_of_another_log_is_refused(forged: Opened, tmp_path: Path) -> None:
    other = make_workspace()
    append_events(other, [event_input()])
    sealing.seal(other)
    answer = verify(tmp_path, forged.jsonl, forged.proof, sealing.vkey(other))
    assert answer.code == REFUSED


def test_erased_event_is_proven_without_what_was_erased(
    app: Flask, owner_engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    asking, person = Asking.found(settings), unique("mira")
    asking.send(person, 2)
    asking.send("another.one", 2, status="error")
    asking.erase(app, owner_engine, person)
    made = Proving(app, asking.asker, asking.workspace, tmp_path).opened({"activity": "invoice.*"})
    assert [sorted(line["erased"]) for line in made.proof if "erased" in line] == [
        ["6", "8", "9"]
    ] * 2
    answer = verify(tmp_path, made.jsonl, made.proof, made.vkey)
    assert answer.code == COMPLETE, answer.words
    if ORACLE.exists():
        assert (
            "2 of them have erased parts"
            in ask_oracle(tmp_path, made.jsonl, made.proof, made.vkey).words
        )


def test_erased_event_that_only_an_erased_part_excludes_is_not_shown(
    app: Flask, owner_engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    asking, person = Asking.found(settings), unique("mira")
    asking.send(person, 2)
    asking.erase(app, owner_engine, person)
    proving = Proving(app, asking.asker, asking.workspace, tmp_path)
    made = proving.opened({"ip": "198.51.100.1"})
    assert verify(tmp_path, made.jsonl, made.proof, made.vkey).code == INCOMPLETE
    made = proving.opened({"ip": "198.51.100.1", "status": "error"})
    assert verify(tmp_path, made.jsonl, made.proof, made.vkey).code == COMPLETE


def test_file_of_a_log_with_retention_proves_what_was_removed(app: Flask, tmp_path: Path) -> None:
    workspace = make_workspace()
    old = (datetime.now(UTC) - timedelta(days=60)).isoformat()
    append_events(workspace, [event_input(occurred_at=old)] * 3)
    append_events(workspace, [event_input()] * 2)
    sealing.seal(workspace)
    only_this_keeps_for_days(workspace)
    with app.app_context():
        assert apply_retention() == 3
    made = proving(app, workspace, tmp_path).opened()
    assert [line.get("gone") for line in made.proof[1:4]] == [1, 1, 1]
    assert made.proof[0]["retention"]["event"]["activity"] == "retention.apply"
    answer = verify(tmp_path, made.jsonl, made.proof, made.vkey)
    assert answer.code == COMPLETE, answer.words


def test_holder_of_an_older_key_can_follow_to_the_newest(
    app: Flask, settings: Settings, tmp_path: Path
) -> None:
    workspace = make_workspace()
    append_events(workspace, every_kind()[:5])
    sealing.seal(workspace)
    held = sealing.vkey(workspace)
    Commands(settings).done("tree", "key-rotate", workspace.slug)
    made = proving(app, workspace, tmp_path).opened()
    assert made.vkey != held
    assert [step["key"] for step in made.proof[0]["keys"]] == [held]
    for key in (held, made.vkey):
        answer = verify(tmp_path, made.jsonl, made.proof, key)
        assert answer.code == COMPLETE, answer.words


def test_operator_writes_a_file_with_proof(settings: Settings, tmp_path: Path) -> None:
    workspace = make_workspace()
    append_events(workspace, every_kind())
    sealing.seal(workspace)
    file = tmp_path / "log.zip"
    words = ("export", workspace.slug, "--format", "csv", "--query", "status=error", "--proof")
    Commands(settings).done(*words, "-o", file)
    with zipfile.ZipFile(file) as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / workspace.slug
    command = "python3 auditlog_verify.py audit-logs.jsonl audit-logs.proof.gz KEY.txt"
    assert Proving.run(command, folder).code == COMPLETE
    assert (folder / "audit-logs.csv").read_text("utf-8-sig").count("\n") == 9
