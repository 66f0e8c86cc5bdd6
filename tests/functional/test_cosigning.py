"""This installation as a witness of logs that its operator added."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from auditsaas.accounts import encryption
from auditsaas.accounts.encryption import Opening
from auditsaas.evidence.format import additions, merkle, notes
from auditsaas.evidence.format.cosignatures import cosignatures, witness_key
from auditsaas.evidence.format.notes import Checkpoint, SigningKey, VerifierKey
from auditsaas.evidence.witnesses.models import WitnessKey, witnesses
from config.outbound import read_allowed
from config.settings import Settings
from tasks.holders import ask_witnesses
from tests.support.commands import Commands, told, told_installation
from tests.support.factories import append_events, event_input, make_workspace, scoped, unique
from tests.support.sealing import seal, vkey
from tests.support.serving import WebProcess
from tests.support.witnesses import OtherLog


@pytest.fixture(scope="module")
def auditsaas(settings: Settings, engine: object) -> Commands:
    return Commands(settings)


@pytest.fixture
def log(auditsaas: Commands) -> OtherLog:
    """The log of another installation, which this one knows."""
    made = OtherLog(SigningKey(unique("other.example/log"), hashlib.sha256(b"key").digest()))
    made.grow(*"abcdefgh")
    auditsaas.done("witness", "add-log", made.key.verifier)
    return made


class Caller:
    """Who asks this witness over HTTP, without a session or a key."""

    def __init__(self, app: Flask, log: OtherLog) -> None:
        self._app, self._log = app, log

    def add(self, old: int, size: int, **more: object) -> TestResponse:
        proof = more.get("proof", self._log.proof(old, size) if 0 < old <= size else [])
        note = more.get("note", self._log.note(size))
        return self.send(additions.body(old, proof, note))  # type: ignore[arg-type]

    def send(self, body: bytes) -> TestResponse:
        return self._app.test_client().post("/witness/add-checkpoint", data=body)

    def shown(self, origin: str) -> TestResponse:
        name = hashlib.sha256(origin.encode()).hexdigest()
        return self._app.test_client().get(f"/witness/{name}/checkpoint")


@pytest.fixture
def caller(app: Flask, log: OtherLog) -> Caller:
    return Caller(app, log)


@pytest.fixture(scope="module")
def key(auditsaas: Commands) -> VerifierKey:
    return witness_key(auditsaas.done("witness", "key").split("\n")[0])


def test_growing_log_is_cosigned_by_the_key_that_was_told(
    caller: Caller, log: OtherLog, key: VerifierKey
) -> None:
    for old, size in ((0, 3), (3, 3), (3, 8)):
        answer = caller.add(old, size)
        assert (answer.status_code, answer.content_type) == (200, "text/plain; charset=utf-8")
        [signed] = cosignatures(notes.split(log.note(size))[0], answer.text.splitlines(), key)
        assert signed.seconds


def test_held_checkpoint_is_shown_with_both_signatures_and_no_others(
    caller: Caller, log: OtherLog, key: VerifierKey
) -> None:
    assert caller.shown(log.key.name).status_code == 404
    stranger = SigningKey("stranger.example", bytes(32))
    line = stranger.line(notes.split(log.note())[0])
    assert caller.add(0, 8, note=log.note() + line).status_code == 200
    shown = caller.shown(log.key.name)
    assert shown.status_code == 200
    assert notes.checkpoint(shown.text, log.key.verifier).size == 8
    assert cosignatures(*_parts(shown.text), key)
    assert "stranger" not in shown.text


def _parts(note: str) -> tuple[str, list[str]]:
    return notes.split(note)


def test_checkpoint_that_does_not_follow_is_refused_as_the_protocol_says(
    caller: Caller, log: OtherLog
) -> None:
    assert caller.add(0, 5).status_code == 200
    stranger = OtherLog(SigningKey("unknown.example", bytes(32)), log.leaves)
    forger = OtherLog(SigningKey(log.key.name, bytes(32)), log.leaves)
    other = OtherLog(log.key, [merkle.leaf(b"z"), *log.leaves[1:]])
    both = log.note(8) + log.key.line("another text\n")
    statuses = {
        "unknown log": caller.add(5, 8, note=stranger.note()),
        "key that is not known": caller.add(5, 8, note=forger.note()),
        "wrong signature of a known key beside a right one": caller.add(5, 8, note=both),
        "old size above the size": caller.add(5, 3, proof=[]),
        "another old size": caller.add(3, 8),
        "nothing known": caller.add(0, 8),
        "wrong proof": caller.add(5, 8, proof=log.proof(4, 8)),
        "no proof": caller.add(5, 8, proof=[]),
        "other history": caller.add(5, 8, note=other.note(8), proof=other.proof(5, 8)),
        "other history of the same size": caller.add(5, 5, note=other.note(5), proof=[]),
        "no body": caller.send(b""),
        "no note": caller.send(b"old 5\n\nhello\n"),
    }
    assert {name: answer.status_code for name, answer in statuses.items()} == {
        "unknown log": 404,
        "key that is not known": 403,
        "wrong signature of a known key beside a right one": 403,
        "old size above the size": 400,
        "another old size": 409,
        "nothing known": 409,
        "wrong proof": 422,
        "no proof": 422,
        "other history": 422,
        "other history of the same size": 422,
        "no body": 400,
        "no note": 400,
    }
    conflict = statuses["another old size"]
    assert (conflict.text, conflict.content_type) == ("5\n", "text/x.tlog.size")
    assert caller.add(5, 8).status_code == 200  # and nothing of it was kept


def test_empty_log_is_cosigned_with_the_root_of_nothing(caller: Caller, log: OtherLog) -> None:
    odd = Checkpoint(log.key.name, 0, bytes(32)).signed_by(log.key)
    assert caller.add(0, 0, note=odd).status_code == 422
    assert caller.add(0, 8, proof=[bytes(32)]).status_code == 422
    assert caller.add(0, 0, note=log.note(0)).status_code == 200


def test_of_two_histories_at_once_one_is_cosigned(app: Flask, log: OtherLog) -> None:
    caller = Caller(app, log)
    assert caller.add(0, 4).status_code == 200
    other = OtherLog(log.key, [*log.leaves[:4], *(merkle.leaf(bytes([n])) for n in range(4))])
    callers = [caller, Caller(app, other)] * 6
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda each: each.add(4, 8).status_code, callers))
    assert answers.count(200) == 1
    assert {*answers} == {200, 409}


def test_body_beyond_a_note_and_a_proof_is_refused(caller: Caller) -> None:
    assert caller.send(b"old 0\n\n" + b"x" * 200_000).status_code == 413


def test_second_key_of_a_log_is_taken_too(
    auditsaas: Commands, caller: Caller, log: OtherLog
) -> None:
    new = OtherLog(SigningKey(log.key.name, bytes(32)), log.leaves)
    assert caller.add(0, 8, note=new.note()).status_code == 403
    auditsaas.done("witness", "add-log", new.key.verifier)
    assert caller.add(0, 8, note=new.note()).status_code == 200
    listed = {each["origin"]: each for each in auditsaas.listed("witness", "list")}
    assert (listed[log.key.name]["size"], len(listed[log.key.name]["vkeys"])) == (8, 2)


def test_removed_log_is_cosigned_no_more(
    auditsaas: Commands, caller: Caller, log: OtherLog
) -> None:
    assert caller.add(0, 8).status_code == 200
    auditsaas.done("witness", "remove-log", log.key.name)
    assert caller.add(8, 8).status_code == 404
    assert caller.shown(log.key.name).status_code == 404
    assert "not known here" in auditsaas.refused("witness", "remove-log", log.key.name)


def test_key_of_no_log_is_refused(auditsaas: Commands, key: VerifierKey) -> None:
    assert "no verifier key" in auditsaas.refused("witness", "add-log", "nothing")
    assert "type 0x01" in auditsaas.refused("witness", "add-log", key)


def test_own_key_is_made_once_and_sealed(
    auditsaas: Commands, settings: Settings, key: VerifierKey
) -> None:
    assert auditsaas.done("witness", "key").split() == [str(key), f"{settings.base_url}/witness"]
    with scoped() as session:
        [row] = session.scalars(select(WitnessKey).where(WitnessKey.vkey == str(key)))
    assert encryption.opening(settings.secret_keys, row.sealed) is Opening.CURRENT


def test_what_the_operator_does_is_in_the_log_of_the_installation(
    auditsaas: Commands, log: OtherLog
) -> None:
    auditsaas.done("witness", "remove-log", log.key.name)
    for activity in ("witness.add_log", "witness.remove_log"):
        assert len(told_installation(activity, log.key.name)) == 1


@pytest.fixture(scope="module")
def other_process(
    settings: Settings, engine: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebProcess]:
    made = WebProcess(settings, tmp_path_factory.mktemp("web") / "log")
    made.start()
    yield made
    made.stop()


def test_installation_has_its_log_cosigned_by_another(
    app: Flask,
    settings: Settings,
    other_process: WebProcess,
    key: VerifierKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By commands, the worker's task and a web server, as two operators do it."""
    auditsaas = Commands(settings, OUTBOUND_ALLOW=other_process.url)
    workspace = make_workspace()
    append_events(workspace, [event_input() for _ in range(300)])
    seal(workspace)
    auditsaas.done("witness", "add-log", vkey(workspace))
    url = f"{other_process.url}/witness"
    auditsaas.done("tree", "witness", "add", workspace.slug, key, url, "--required")
    _ask(app, workspace.id, other_process.url, monkeypatch)
    append_events(workspace, [event_input() for _ in range(5)])
    size = seal(workspace).size
    _ask(app, workspace.id, other_process.url, monkeypatch)
    [row] = auditsaas.listed("tree", "witness", "list", workspace.slug)
    assert (row["name"], row["last_size"], row["last_error"]) == (key.name, size, None)
    auditsaas.done("tree", "witness", "remove", workspace.slug, key.name)
    for activity in ("tree.witness_add", "tree.witness_remove"):
        [event] = told(workspace.id, activity, row["id"])
        assert event.metadata["key"] == str(key)


def _ask(app: Flask, workspace_id: UUID, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the worker's task where this witness is due, as an operator who allows its address."""
    allowed = replace(app.extensions["settings"], outbound_allow=read_allowed(url))
    monkeypatch.setitem(app.extensions, "settings", allowed)
    with scoped(workspace_id) as session:
        session.execute(update(witnesses).values(next_try_at=func.now()))
        session.commit()
    with app.app_context():
        assert ask_witnesses() >= 1


def test_checkpoint_that_somebody_kept_is_compared(auditsaas: Commands, tmp_path: Path) -> None:
    workspace = make_workspace()
    append_events(workspace, [event_input()])
    kept = tmp_path / "kept.txt"
    kept.write_text(seal(workspace).note)
    said = auditsaas.done("tree", "known", workspace.slug, kept)
    assert said == "The log has all 2 events of it, unchanged.\n"
    kept.write_text("nothing")
    assert "no checkpoint of this log" in auditsaas.refused("tree", "known", workspace.slug, kept)
