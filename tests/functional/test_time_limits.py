"""What becomes of an export that takes too long, of files that nobody has, and of ranges."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from auditsaas.accounts.models import User
from auditsaas.events.models import events
from auditsaas.exports.lease import BUILD
from auditsaas.jobs.queue import EXTENSION
from auditsaas.workspaces.models import Workspace
from config.celery import QUICK
from tasks.exports import build_export, expire_exports
from tests.support.exporting import ask, nobody_reads_events, row_of
from tests.support.factories import (
    append_events,
    event_input,
    make_member,
    make_workspace,
    scoped,
    sign_in,
)
from tests.support.workers import WorkerProcess, eventually


@pytest.fixture
def workspace() -> Workspace:
    made = make_workspace()
    append_events(made, [event_input() for _ in range(10)])
    return made


@pytest.mark.parametrize("frozen", [False, True], ids=["soft", "hard"])
def test_a_build_past_its_limit_fails_in_words_and_tells_its_asker(
    app: Flask,
    worker: WorkerProcess,
    workspace: Workspace,
    admin: User,
    owner_engine: Engine,
    client: FlaskClient,
    frozen: bool,
) -> None:
    export_id = ask(admin, [workspace])
    before = worker.said("soft time limit")
    # Its end is an event too, so it waits for the log as well, until the lock is let go.
    with nobody_reads_events(owner_engine):
        celery = app.extensions[EXTENSION]
        limits = {"soft_time_limit": 2, "time_limit": 4}
        celery.send_task(BUILD, args=[str(export_id)], queue=QUICK, retry=False, **limits)
        eventually(lambda: row_of(app, export_id).state == "building", "a build under way")
        if frozen:
            worker.signal_children(signal.SIGSTOP)
        else:
            eventually(lambda: worker.said("soft time limit") > before, "a limit that was passed")
    failed = eventually(
        lambda: ((row := row_of(app, export_id)).state == "failed" and row) or None,
        "an export that failed",
    )
    assert failed.error.startswith("Building took too long")
    worker.signal_children(signal.SIGCONT)
    sign_in(client, admin)
    assert "Building took too long" in client.get("/notifications").text


def files_of(app: Flask, export_id: UUID) -> list[str]:
    folder = Path(app.extensions["settings"].storage_url.removeprefix("file://"))
    return sorted(path.name for path in (folder / f"exports/{export_id}").glob("*"))


def leave(app: Flask, export_id: UUID, *names: str) -> None:
    """Files as a worker leaves them that is killed before its finish, or while it writes."""
    folder = Path(app.extensions["settings"].storage_url.removeprefix("file://"))
    (folder / f"exports/{export_id}").mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"exports/{export_id}" / name).write_bytes(b"left")


def test_files_that_a_finished_export_does_not_have_are_removed(
    app: Flask, workspace: Workspace, admin: User
) -> None:
    ready, waiting = ask(admin, [workspace]), ask(admin, [workspace])
    with app.app_context():
        build_export(str(ready))
    key = row_of(app, ready).file_key
    leave(app, ready, "7.csv", "8.csv.part")
    leave(app, waiting, "1.csv.part")
    with app.app_context():
        expire_exports()
    assert files_of(app, ready) == [key.rpartition("/")[2]]
    assert files_of(app, waiting) == ["1.csv.part"]


def downloads(workspace: Workspace) -> list[Any]:
    with scoped(workspace.id) as session:
        found = select(events.c["metadata"]).where(
            events.c.workspace_id == workspace.id, events.c.activity == "export.downloaded"
        )
        return list(session.scalars(found))


def test_a_download_in_parts_is_recorded_once(
    app: Flask, client: FlaskClient, workspace: Workspace, admin: User
) -> None:
    export_id = ask(admin, [workspace])
    with app.app_context():
        build_export(str(export_id))
    sign_in(client, admin)
    url = f"/w/{workspace.slug}/exports/{export_id}/download"
    for start in (500, 0, 100):
        answer = client.get(url, headers={"Range": f"bytes={start}-{start + 99}"})
        assert answer.status_code == 206
    assert [entry["part"].split("/")[0] for entry in downloads(workspace)] == ["bytes 500-599"]
    client.get(url)
    assert len(downloads(workspace)) == 2
    auditor = app.test_client()
    sign_in(auditor, make_member(workspace))
    auditor.get(url, headers={"Range": "bytes=0-99"})
    assert len(downloads(workspace)) == 3
