"""Jobs past their time limit, stray files, and downloads of ranges."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from auditsaas.accounts.models import User
from auditsaas.events.models import events
from auditsaas.exports.kind import EXPORTS
from auditsaas.imports.kind import IMPORTS
from auditsaas.imports.run import import_job
from auditsaas.jobs.kind import Kind
from auditsaas.jobs.queue import EXTENSION
from auditsaas.jobs.runner import run
from auditsaas.storage.local import LocalStorage
from auditsaas.workspaces.models import Workspace
from config.celery import QUICK
from tasks.exports import expire_exports
from tasks.jobs import LIMITS, build_export
from tests.support.exporting import ask, log_locked_to_readers, row_of
from tests.support.factories import (
    append_events,
    event_input,
    make_member,
    make_workspace,
    scoped,
    sign_in,
)
from tests.support.importing import ask_for_import, import_row
from tests.support.workers import WorkerProcess, eventually

ACCESS_LOG = Path(__file__).parents[1] / "fixtures" / "access.log"


@pytest.fixture
def workspace() -> Workspace:
    made = make_workspace()
    append_events(made, [event_input() for _ in range(10)])
    return made


def freeze(worker: WorkerProcess) -> set[int]:
    """Stop the processes that work, so that none can act on its soft limit; which they are."""
    worker.signal_children(signal.SIGSTOP)
    return set(worker.children())


def let_go_once_one_was_killed(worker: WorkerProcess, stopped: set[int]) -> None:
    eventually(lambda: stopped - set(worker.children()) or None, "a process that was killed")
    worker.signal_children(signal.SIGCONT)


PastLimit = Callable[[Kind, UUID, Callable[[Flask, UUID], Any]], Any]


@pytest.fixture(params=[False, True], ids=["soft", "hard"])
def past_limit(
    request: pytest.FixtureRequest, app: Flask, worker: WorkerProcess, owner_engine: Engine
) -> PastLimit:
    """Sends a job that passes its limit in the middle of a statement; returns its last row."""

    def send(kind: Kind, job_id: UUID, read: Callable[[Flask, UUID], Any]) -> Any:
        before, stopped = worker.said("soft time limit"), None
        # A job's end is an event too, so it waits for the log as well, until the lock is let go.
        with log_locked_to_readers(owner_engine):
            limits = {"soft_time_limit": 2, "time_limit": 4}
            celery = app.extensions[EXTENSION]
            celery.send_task(kind.task, args=[str(job_id)], queue=QUICK, retry=False, **limits)
            eventually(lambda: read(app, job_id).state != "queued", "a job under way")
            if request.param:
                stopped = freeze(worker)
            else:
                eventually(lambda: worker.said("soft time limit") > before, "a passed limit")
        if stopped is not None:
            let_go_once_one_was_killed(worker, stopped)
        return eventually(
            lambda: ((row := read(app, job_id)).state == "failed" and row) or None,
            "a job that failed",
        )

    return send


def test_build_past_its_time_limit_fails_with_a_reason_and_notifies(
    past_limit: PastLimit, workspace: Workspace, admin: User, client: FlaskClient
) -> None:
    failed = past_limit(EXPORTS, ask(admin, [workspace]), row_of)
    assert failed.error.startswith("Building took too long")
    sign_in(client, admin)
    assert "Building took too long" in client.get("/notifications").text


def test_import_past_its_time_limit_fails_with_a_reason_and_notifies(
    past_limit: PastLimit, app: Flask, workspace: Workspace, admin: User, client: FlaskClient
) -> None:
    import_id = ask_for_import(app, admin, workspace, ACCESS_LOG.read_bytes())
    failed = past_limit(IMPORTS, import_id, import_row)
    assert failed.error.startswith("Importing took too long")
    sign_in(client, admin)
    assert "Importing took too long" in client.get("/notifications").text


class ClosingFails(io.BytesIO):
    """A file whose reading is cut off by the time limit, and whose closing then fails."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise SoftTimeLimitExceeded

    def __exit__(self, *_: object) -> None:
        raise OSError("the disk is away")


class AwayStorage(LocalStorage):
    def open(self, key: str) -> BinaryIO:
        return ClosingFails()


def test_import_past_its_time_limit_fails_with_a_reason_when_its_clean_up_fails(
    app: Flask, workspace: Workspace, admin: User, tmp_path: Path
) -> None:
    import_id = ask_for_import(app, admin, workspace, ACCESS_LOG.read_bytes())
    with app.app_context():
        run(import_job(AwayStorage(tmp_path)), import_id, limits=LIMITS)
    ended = import_row(app, import_id)
    assert (ended.state, ended.attempts) == ("failed", 1)
    assert ended.error.startswith("Importing took too long")


def files_of(app: Flask, export_id: UUID) -> list[str]:
    folder = Path(app.extensions["settings"].storage_url.removeprefix("file://"))
    return sorted(path.name for path in (folder / f"exports/{export_id}").glob("*"))


def leave(app: Flask, export_id: UUID, *names: str) -> None:
    """Files as a worker leaves them that is killed before its finish, or while it writes."""
    folder = Path(app.extensions["settings"].storage_url.removeprefix("file://"))
    (folder / f"exports/{export_id}").mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"exports/{export_id}" / name).write_bytes(b"left")


def test_orphaned_files_of_finished_exports_are_removed(
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
