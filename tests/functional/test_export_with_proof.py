"""Files with their proof: what they hold, and what anybody can check of them offline."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, delete, select, update

from auditsaas.accounts.models import User
from auditsaas.errors import DomainError
from auditsaas.events.models import events
from auditsaas.evidence.bundles import numbers
from auditsaas.evidence.models import checkpoints, tree_heads
from auditsaas.exports.building import sealing as waiting
from auditsaas.exports.formats import FORMATS, Options
from auditsaas.exports.kind import EXPORTS
from tests.support import sealing
from tests.support.bundles import (
    COMPLETE,
    INCOMPLETE,
    ORACLE,
    Proving,
    ask_oracle,
    every_kind,
    verify,
)
from tests.support.exporting import age, ask, build_in
from tests.support.factories import (
    append_events,
    as_owner,
    event_input,
    make_member,
    make_workspace,
    scoped,
)
from tests.support.rewriting import rewrite, rewriting

PROVABLE: dict[str, dict[str, Any]] = {
    "everything": {},
    "status and activity": {"status": "error", "activity": ["user.*", "ünïcode.täg 🦊"]},
    "a time": {"from": "2026-03-05T00:00:00Z", "to": "2026-03-20T12:00:04.004001Z"},
    "a method": {"method": "GET"},
    "an actor": {"user": "u_1"},
    "an actor whom the log does not know": {"user": "u_99"},
    "an address as written": {"user": "elodie@EXAMPLE.com"},
    "a role": {"role": "admin"},
    "active people": {"user_status": "active"},
    "disabled people": {"user_status": "disabled"},
    "a network": {"ip": ["203.0.113.0/25", "2001:db8::/32"]},
    "a platform": {"platform": ["iOS", "Other"]},
    "sources": {"source": ["api:*", "none"]},
    "a search that filters say, too": {"q": "status:error user:u_1 -workspace:other"},
    "two answers of one slot": {"role": "admin", "user_status": "active"},
}
UNPROVABLE: dict[str, dict[str, Any]] = {
    "words": {"q": "status:error invoice"},
    "a negated term": {"q": "-activity:user.*"},
    "a name": {"user": "Bo"},
    "an id and an address": {"user": ["u_1", "elodie@example.com"]},
    "a response time": {"min_ms": "1", "max_ms": "80"},
    "a browser": {"browser": "Chrome"},
}


@pytest.fixture(scope="module")
def proving(app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Proving:
    """A sealed log of every kind of event, for tests that only read it."""
    workspace = make_workspace()
    append_events(workspace, every_kind())
    return Proving(app, make_member(workspace), workspace, tmp_path_factory.mktemp("files"))


@pytest.fixture
def own(app: Flask, tmp_path: Path) -> Proving:
    """A log of its own, for a test that changes it."""
    workspace = make_workspace()
    append_events(workspace, every_kind())
    return Proving(app, make_member(workspace), workspace, tmp_path)


@pytest.mark.parametrize("kind", PROVABLE)
def test_provable_filter_is_proven_complete(proving: Proving, tmp_path: Path, kind: str) -> None:
    made = proving.opened(PROVABLE[kind])
    answer = verify(tmp_path, made.jsonl, made.proof, made.vkey)
    assert answer.code == COMPLETE, answer.words
    if ORACLE.exists():
        assert "is complete." in ask_oracle(tmp_path, made.jsonl, made.proof, made.vkey).words


@pytest.mark.parametrize("kind", UNPROVABLE)
def test_other_filter_is_proven_and_said_to_be_incomplete(
    proving: Proving, tmp_path: Path, kind: str
) -> None:
    made = proving.opened(UNPROVABLE[kind])
    answer = verify(tmp_path, made.jsonl, made.proof, made.vkey)
    assert answer.code == INCOMPLETE, answer.words
    assert "NOT that no row is missing" in made.files["README.txt"].decode()


@pytest.mark.parametrize("key", FORMATS)
def test_archive_of_each_format_holds_the_file_and_the_exact_rows(
    proving: Proving, tmp_path: Path, key: str
) -> None:
    row = proving.made({"status": "error"}, format=key)
    made = proving.open(row)
    assert made.files[f"audit-logs.{key}"] == (proving.folder / row.file_key).read_bytes()
    assert {one["status"] for one in made.rows} == {"error"}
    assert len(made.rows) == row.rows_done == 8
    assert verify(tmp_path, made.jsonl, made.proof, made.vkey).code == COMPLETE


def test_packed_jsonl_is_proven_as_it_is_unpacked(proving: Proving, tmp_path: Path) -> None:
    made = proving.opened(options=Options(gzip=True))
    packed = made.files["audit-logs.jsonl.gz"]
    assert gzip.decompress(packed) == made.jsonl
    assert verify(tmp_path, packed, made.proof, made.vkey).code == COMPLETE


def test_rows_with_proof_are_in_the_order_of_the_log(proving: Proving) -> None:
    rows = proving.opened().rows
    assert [row["seq"] for row in rows] == sorted(row["seq"] for row in rows)


def test_readme_of_the_archive_names_commands_that_check_it(
    proving: Proving, tmp_path: Path
) -> None:
    made = proving.opened({"status": "error"}, format="csv")
    for name, content in made.files.items():
        (tmp_path / name).write_bytes(content)
    readme = made.files["README.txt"].decode()
    (command,) = (line.strip() for line in readme.splitlines() if "python3 auditlog" in line)
    assert proving.run(command, tmp_path).code == COMPLETE
    assert made.vkey in readme


def test_address_of_several_spellings_is_compared_as_it_was_written(own: Proving) -> None:
    people = [{"id": "u_7", "email": email} for email in ("Kim@x.example", "other@x.example")]
    append_events(own.workspace, [event_input(actor=person) for person in people])
    assert [row["actor"]["email"] for row in own.opened({"user": "kim@x.example"}).rows] == [
        "Kim@x.example"
    ]


def test_role_is_the_one_of_the_event_and_not_of_today(own: Proving) -> None:
    changed = {"id": "u_1", "name": "Élodie", "email": "elodie@example.com", "role": "guest"}
    append_events(own.workspace, [event_input(actor=changed)])
    rows = own.opened({"role": "admin"}).rows
    assert len(rows) == 12
    assert {row["actor"]["id"] for row in rows} == {"u_1"}


def test_report_proves_its_period_and_what_arrived_late_each_by_itself(
    own: Proving, tmp_path: Path
) -> None:
    week = {"from": "2026-03-10T00:00:00Z", "to": "2026-03-17T00:00:00Z"}
    row = own.made(week, since={own.workspace.id: 20}, format="csv")
    made = own.open(row)
    rows = 0
    for name in ("", "late."):
        body, proof = made.part(name)
        answer = verify(tmp_path, body, proof, made.vkey)
        assert answer.code == COMPLETE, answer.words
        rows += len(body.splitlines())
    assert rows == row.rows_done == 7 + 8


def test_range_begins_at_the_last_number_that_came_too_early(own: Proving, tmp_path: Path) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    made = own.opened({"from": tomorrow.isoformat()})
    head, first = made.proof[0], made.proof[1]
    assert head["first"] == head["last"] == 36
    assert first["open"][0] == 1
    answer = verify(tmp_path, made.jsonl, made.proof, made.vkey)
    assert answer.code == COMPLETE
    assert "came too early" in answer.words


def test_more_numbers_than_a_proof_may_cover_are_refused_before_the_start(
    proving: Proving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, "MOST_NUMBERS", 30)
    with pytest.raises(DomainError, match="at most 30 numbers of the log, and this range has"):
        ask(proving.person, [proving.workspace], proof=True)


def test_proof_of_several_logs_is_refused_in_words(proving: Proving) -> None:
    other = make_workspace()
    with pytest.raises(DomainError, match="A proof is of the log of one workspace"):
        ask(proving.person, [proving.workspace, other], proof=True)


def test_proof_of_an_empty_log_is_refused_in_words() -> None:
    empty = make_workspace()
    with pytest.raises(DomainError, match="nothing to prove"):
        ask(make_member(empty), [empty], proof=True)


def test_export_ahead_of_its_seal_gives_its_lease_back_and_is_built_once_sealed(
    own: Proving, owner_engine: Engine
) -> None:
    export_id = ask(own.person, [own.workspace], proof=True)
    for _ in range(EXPORTS.max_attempts + 1):
        row = build_in(own.app, export_id, own.folder)
        assert (row.state, row.attempts, row.sealed_size) == ("queued", 0, 0)
        assert row.lease_until > datetime.now(UTC)
        age(owner_engine, export_id, "lease_until")
    sealing.seal(own.workspace)
    row = build_in(own.app, export_id, own.folder)
    assert (row.state, row.attempts) == ("ready", 1)
    assert own.open(row).rows


def test_export_that_waits_for_its_seal_says_how_far_it_is(
    own: Proving, browser: Callable[[User], FlaskClient]
) -> None:
    sealing.seal(own.workspace)
    append_events(own.workspace, every_kind()[:4])
    export_id = ask(own.person, [own.workspace], proof=True)
    build_in(own.app, export_id, own.folder)
    page = browser(own.person).get(f"/w/{own.workspace.slug}/exports").text
    assert "Waits for its proof: sealed up to event 37 of 41" in " ".join(page.split())


def test_export_does_not_wait_for_a_log_that_is_not_sealed_any_more(own: Proving) -> None:
    sealing.seal(own.workspace)
    append_events(own.workspace, every_kind()[:4])
    export_id = ask(own.person, [own.workspace], proof=True)
    with as_owner(own.workspace.id) as session:
        forked = {"state": "forked", "reason": "A backup is missing."}
        here = tree_heads.c.workspace_id == own.workspace.id
        session.execute(update(tree_heads).where(here).values(forked))
        session.commit()
    row = build_in(own.app, export_id, own.folder)
    assert row.state == "failed"
    assert "sealed up to event 37, and this export goes to event 41" in row.error


def test_export_fails_in_words_where_the_log_is_not_sealed_in_time(
    own: Proving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "PATIENCE", timedelta())
    export_id = ask(own.person, [own.workspace], proof=True)
    row = build_in(own.app, export_id, own.folder)
    assert row.state == "failed"
    assert "sealed up to event 0, and this export goes to event 36" in row.error
    assert not list(own.folder.rglob("*.*"))


def test_checkpoint_of_a_proof_stays_for_good(own: Proving) -> None:
    row = own.made()
    with scoped(own.workspace.id) as session:
        kept = session.scalars(select(checkpoints.c.size).where(checkpoints.c.kept)).all()
    assert kept == [row.sealed_size]


def test_changed_event_makes_no_proof_and_says_which(own: Proving) -> None:
    sealing.seal(own.workspace)
    rewrite(own.workspace, events.c.seq == 7, activity="user.delete")
    row = own.made()
    assert row.state == "failed"
    assert row.error.startswith("Event 7 is not what was sealed.")
    assert row.bundle_key is None


def test_event_changed_so_that_it_matches_no_more_makes_no_proof(own: Proving) -> None:
    sealing.seal(own.workspace)
    rewrite(own.workspace, events.c.seq == 6, status="success")  # it was an error
    row = own.made({"status": "error"})
    assert row.error.startswith("Event 6 is not what was sealed.")


def test_event_that_the_owner_deleted_makes_no_proof(own: Proving) -> None:
    sealing.seal(own.workspace)
    with rewriting(own.workspace) as session:
        here = events.c.workspace_id == own.workspace.id
        session.execute(delete(events).where(here, events.c.seq == 9))
    row = own.made()
    assert row.error.startswith("Event 9 was sealed and is not in the log any more")
