"""``auditsaas verify``: each kind of damage that is done behind the product's back is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import Engine, text

from auditsaas.accounts.models import User
from auditsaas.cli import cli
from auditsaas.events.maintenance import retention
from auditsaas.events.maintenance.partitions import add_months
from auditsaas.operations.verification import installation
from auditsaas.storage.address import storage_at
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.exporting import ask, build_in
from tests.support.factories import append_events, as_owner, event_input, make_workspace
from tests.support.importing import ask_for_import
from tests.support.workers import process_environment

NOW = datetime.now(UTC)
LATER = f"events_{add_months(NOW, 3):%Y_%m}"

Verify = Callable[..., Result]


@pytest.fixture
def verify(settings: Settings) -> Verify:
    def run(*words: str) -> Result:
        return CliRunner(env=process_environment(settings)).invoke(cli, ["verify", *words])

    return run


@pytest.fixture
def log(workspace: Workspace) -> Workspace:
    """A log of five events, of today and of two months ago."""
    old = (NOW - timedelta(days=62)).isoformat()
    append_events(workspace, [event_input(occurred_at=old), event_input(occurred_at=old)])
    append_events(workspace, [event_input(), event_input(method=None), event_input()])
    return workspace


def change(workspace: Workspace, sql: str) -> None:
    """Change rows of a workspace as the tables' owner, past the product."""
    with as_owner(workspace.id) as session:
        done = session.execute(text(sql), {"workspace": workspace.id})
        session.commit()
        assert done.rowcount > 0  # type: ignore[attr-defined]  # of a statement that writes


@dataclass(frozen=True)
class Case:
    """What is changed in SQL, and how it is told."""

    name: str
    sql: str
    says: str


WHERE = "WHERE workspace_id = :workspace"
CASES = [
    Case("event gone", f"DELETE FROM events {WHERE} AND seq = 4", "1 event is missing"),
    Case("first gone", f"DELETE FROM events {WHERE} AND seq < 3", "not remove: 1 to 2"),
    Case("last gone", f"DELETE FROM events {WHERE} AND seq > 4", "not remove: 5"),
    Case("all gone", f"DELETE FROM events {WHERE}", "not remove: 1 to 5"),
    Case("hour counted twice", f"UPDATE event_counts SET n = n + 1 {WHERE}", "hourly counts"),
    Case("hour not counted", f"DELETE FROM event_counts {WHERE}", "and 0 are counted"),
    Case(
        "hour of no event",
        "INSERT INTO event_counts SELECT :workspace, now() - interval '1 year', 'a.b', '',"
        " 'success', 7",
        "0 a.b success",
    ),
    Case("day miscounted", f"UPDATE event_days SET n = n - 1 {WHERE}", "daily counts"),
    Case("head behind", f"UPDATE log_heads SET seq = seq - 1 {WHERE}", "the head says 4"),
    Case("head ahead", f"UPDATE log_heads SET seq = seq + 2 {WHERE}", "not remove: 6 to 7"),
    Case(
        "removal invented",
        f"UPDATE log_heads SET removed = 3, days_counted = seq + 3 {WHERE}",
        "3 count as removed, and 0 are missing",
    ),
]


def test_whole_log_is_whole(verify: Verify, log: Workspace) -> None:
    """The control: untouched, and said so in words and figures."""
    told = verify(log.slug)
    assert told.exit_code == 0, told.output
    assert f"ok    {log.slug}: 5 events were numbered; 5 are there" in told.output
    assert told.output.endswith("all whole.\n")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_damage_done_in_sql_is_found(verify: Verify, log: Workspace, case: Case) -> None:
    change(log, case.sql)
    told = verify(log.slug, "--json")
    assert told.exit_code == 1, told.output
    assert case.says in damages(told, "workspace")


def damages(told: Result, part: str) -> str:
    lines = [json.loads(line) for line in told.stdout.splitlines()]
    found = [each for line in lines if line["part"] == part for each in line["damages"]]
    return "; ".join(f"{each['kind']}: {each['words']}" for each in found)


def test_doubled_number_is_found(verify: Verify, log: Workspace, owner_engine: Engine) -> None:
    """No policy lets an event be changed, so it is switched off for a moment."""
    with owner_engine.begin() as connection:
        connection.execute(text("ALTER TABLE events NO FORCE ROW LEVEL SECURITY"))
        changed = text("UPDATE events SET seq = 4 WHERE workspace_id = :id AND seq = 5")
        assert connection.execute(changed, {"id": log.id}).rowcount == 1
        connection.execute(text("ALTER TABLE events FORCE ROW LEVEL SECURITY"))
    told = verify(log.slug)
    assert told.exit_code == 1
    assert "numbers were given twice, 1 times" in told.output


def test_what_retention_removed_is_accounted_for(
    verify: Verify, log: Workspace, owner_engine: Engine
) -> None:
    change_workspace = text("UPDATE workspaces SET retention_days = 30 WHERE id = :id")
    with as_owner(log.id) as session:
        session.execute(change_workspace, {"id": log.id})
        session.commit()
    retention.apply(owner_engine, NOW)
    told = verify(log.slug)
    assert told.exit_code == 0, told.output
    assert "2 of them removed by retention" in told.output
    change(log, f"DELETE FROM events {WHERE} AND seq = 4")
    assert "1 event is missing" in verify(log.slug).output


def test_damage_elsewhere_is_not_this_logs(
    verify: Verify, log: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_workspace()
    # Not the hundreds of other tests, each of which is read and computed anew.
    monkeypatch.setattr(installation, "_workspaces", lambda session: iter([log, other]))
    append_events(other, [event_input()])
    change(other, f"DELETE FROM events {WHERE}")
    assert verify(log.slug).exit_code == 0
    everything = verify("--no-files")
    assert everything.exit_code == 1, everything.output
    assert f"fail  {other.slug}: 1 event is missing" in everything.output
    assert f"ok    {log.slug}: 5 events" in everything.output


def test_detached_month_is_found(verify: Verify, log: Workspace, owner_engine: Engine) -> None:
    bounds = text("SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = :name")
    with owner_engine.begin() as connection:
        attached = connection.scalar(bounds, {"name": LATER})
        connection.execute(text(f"ALTER TABLE events DETACH PARTITION {LATER}"))
    try:
        told = verify(log.slug)
    finally:
        with owner_engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE events ATTACH PARTITION {LATER} {attached}")
    assert told.exit_code == 1
    assert f"{LATER} is detached from the log" in told.output


@pytest.fixture
def export(app: Flask, settings: Settings, log: Workspace, admin: User) -> Any:
    """A finished export, in the installation's storage."""
    folder = settings.data_dir / "files"
    made = build_in(app, ask(admin, [log]), folder)
    assert made.state == "ready"
    return made


def test_file_of_an_export_as_it_was_made_is_whole(
    verify: Verify, log: Workspace, export: Any
) -> None:
    told = verify(log.slug, "--json")
    [line] = [
        each for each in map(json.loads, told.stdout.splitlines()) if each["part"] == "export"
    ]
    assert (line["name"], line["whole"]) == (str(export.id), True)
    assert line["figures"] == {"bytes": export.bytes}
    assert json.loads(told.stdout.splitlines()[-1])["exports"] == 1


@pytest.mark.parametrize(
    ("damage", "kind"),
    [(lambda b: b"", "size"), (lambda b: b[:-1] + b"?", "sha256"), (None, "file")],
    ids=["cut", "changed", "gone"],
)
def test_changed_file_of_an_export_is_found(
    verify: Verify,
    settings: Settings,
    log: Workspace,
    export: Any,
    damage: Callable[[bytes], bytes] | None,
    kind: str,
) -> None:
    path = settings.data_dir / "files" / export.file_key
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    told = verify(log.slug, "--json")
    assert told.exit_code == 1
    assert damages(told, "export").startswith(f"{kind}: ")
    assert verify(log.slug, "--no-files").exit_code == 0


def test_upload_that_waits_and_is_gone_is_found(
    verify: Verify, app: Flask, settings: Settings, log: Workspace, admin: User
) -> None:
    import_id: UUID = ask_for_import(app, admin, log, b"a line\n")
    assert verify(log.slug).exit_code == 0
    with as_owner(log.id) as session:
        key = session.scalar(text("SELECT file_key FROM imports WHERE id = :id"), {"id": import_id})
    storage_at(settings.storage_url).delete(str(key))
    told = verify(log.slug)
    assert told.exit_code == 1
    assert f"import {import_id}: waits, and its upload cannot be read" in told.output


def test_import_that_cannot_be_is_found(
    verify: Verify, app: Flask, log: Workspace, admin: User
) -> None:
    ask_for_import(app, admin, log, b"a line\n")
    change(log, f"UPDATE imports SET state = 'done', added = -1 {WHERE}")
    told = verify(log.slug, "--json")
    assert "counts less than nothing" in damages(told, "import")
    assert "never ended" in damages(told, "import")


def test_unknown_workspace_is_refused(verify: Verify) -> None:
    told = verify("no-such-workspace")
    assert (told.exit_code, told.stderr) == (2, "Error: There is no workspace no-such-workspace.\n")
