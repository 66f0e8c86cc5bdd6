"""The state machine of an export: one worker at a time holds its lease."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import Engine

from auditsaas.accounts.models import User
from auditsaas.db.platform import JOBS, platform_session
from auditsaas.exports.building import finish
from auditsaas.exports.building.build import TOO_LONG, export_job
from auditsaas.exports.building.finish import Built
from auditsaas.exports.kind import EXPORTS, ExportClaim
from auditsaas.jobs.kind import Claim
from auditsaas.jobs.leases import LostLease
from auditsaas.jobs.runner import run
from auditsaas.notifications import service as notifications
from auditsaas.storage.base import StorageFull
from auditsaas.storage.local import LocalStorage, LocalUpload
from auditsaas.workspaces.models import Workspace
from tests.support.exporting import age, ask, build_in, row_of
from tests.support.factories import append_events, event_input, make_workspace, scoped

Take = Callable[[], ExportClaim | None]


@pytest.fixture
def workspace(engine: Engine) -> Workspace:
    made = make_workspace()
    append_events(made, [event_input(), event_input()])
    return made


@pytest.fixture
def export_id(workspace: Workspace, admin: User) -> UUID:
    return ask(admin, [workspace])


@pytest.fixture
def claim(workspace: Workspace, admin: User, export_id: UUID) -> Take:
    def take() -> ExportClaim | None:
        with scoped(workspace.id, user=admin.id) as session:
            claimed = Claim.take(EXPORTS, session, export_id)
            session.commit()
        return claimed

    return take


def held(claim: ExportClaim | None) -> ExportClaim:
    assert claim is not None
    return claim


def let_lapse(owner_engine: Engine, export_id: UUID) -> None:
    """End the lease, as if its time had passed."""
    age(owner_engine, export_id, "lease_until")


def complete(claim: ExportClaim) -> None:
    with scoped(*claim.scope.workspaces, user=claim.scope.user) as session:
        finish.complete(session, claim, Built("exports/x/1.csv", rows=2, size=9, sha256="ab"))
        session.commit()


def told(claim: ExportClaim) -> list[str]:
    assert claim.row.requested_by is not None
    with scoped(user=claim.row.requested_by) as session:
        newest = notifications.newest(session, claim.row.requested_by, limit=50)
        return [notification.kind for notification in newest]


def test_one_of_many_concurrent_claims_is_granted(claim: Take) -> None:
    together = Barrier(8)
    granted: list[ExportClaim | None] = []

    def race() -> None:
        together.wait()
        granted.append(claim())

    racers = [Thread(target=race) for _ in range(8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(granted) == 8
    assert sum(one is not None for one in granted) == 1


def test_live_lease_refuses_other_claims(claim: Take) -> None:
    held(claim())
    assert claim() is None


def test_lapsed_lease_is_taken_over_with_a_higher_fence(
    claim: Take, owner_engine: Engine, export_id: UUID
) -> None:
    first = held(claim())
    let_lapse(owner_engine, export_id)
    second = held(claim())
    assert (second.fence, second.attempt) == (first.fence + 1, first.attempt + 1)


def test_a_heartbeat_extends_the_lease(
    claim: Take,
    workspace: Workspace,
    owner_engine: Engine,
    export_id: UUID,
) -> None:
    first = held(claim())
    let_lapse(owner_engine, export_id)
    with scoped(workspace.id, user=first.row.requested_by) as session:
        assert first.renew(session, 1)
        session.commit()
    assert claim() is None


def test_worker_without_the_lease_cannot_renew_fail_or_finish(
    claim: Take,
    workspace: Workspace,
    owner_engine: Engine,
    export_id: UUID,
    app: Flask,
) -> None:
    stale = held(claim())
    let_lapse(owner_engine, export_id)
    held(claim())
    with scoped(workspace.id, user=stale.row.requested_by) as session:
        assert not stale.renew(session, 1)
        assert not stale.release(session)
        with pytest.raises(LostLease):
            finish.fail(session, stale, "No reason.")
    with pytest.raises(LostLease):
        complete(stale)
    assert row_of(app, export_id).state == "building"
    assert told(stale) == []


def test_finishing_makes_the_file_and_one_notification(
    claim: Take, export_id: UUID, app: Flask
) -> None:
    taken = held(claim())
    complete(taken)
    with pytest.raises(LostLease):
        complete(taken)
    row = row_of(app, export_id)
    assert (row.state, row.rows_done, row.bytes, row.sha256) == ("ready", 2, 9, "ab")
    assert row.expires_at - row.finished_at == timedelta(days=7)
    assert told(taken) == ["export.ready"]


def test_new_export_is_swept_only_after_its_message_was_due(
    app: Flask, owner_engine: Engine, export_id: UUID
) -> None:
    def waits() -> bool:
        with app.app_context(), platform_session(JOBS) as platform:
            return export_id in {waiting.id for waiting in EXPORTS.waiting(platform)}

    assert not waits()
    age(owner_engine, export_id, "created_at")
    assert waits()


def test_export_fails_with_a_reason_after_three_lost_attempts(
    claim: Take,
    owner_engine: Engine,
    export_id: UUID,
    app: Flask,
    tmp_path: Path,
) -> None:
    for _ in range(3):
        held(claim())
        let_lapse(owner_engine, export_id)
    row = build_in(app, export_id, tmp_path)
    assert (row.state, row.error) == ("failed", "Building stopped 3 times without finishing.")
    assert list(tmp_path.iterdir()) == []


def test_transient_failure_is_retried_later(app: Flask, tmp_path: Path, export_id: UUID) -> None:
    row = failing(app, tmp_path, export_id, ConnectionError("gone"))
    assert (row.state, row.attempts) == ("queued", 1)
    assert row.lease_until is not None


def test_repeated_failure_ends_with_a_reason_and_a_notification(
    app: Flask, tmp_path: Path, owner_engine: Engine, export_id: UUID
) -> None:
    for _ in range(3):
        row = failing(app, tmp_path, export_id, ConnectionError("gone"))
        let_lapse(owner_engine, export_id)
    assert row.state == "failed"
    assert row.error == "The file could not be built, 3 tries. Nothing was kept."
    with scoped(user=row.requested_by) as session:
        newest = notifications.newest(session, row.requested_by, limit=5)
    assert [notification.kind for notification in newest] == ["export.failed"]


def test_full_storage_fails_at_once_with_its_reason(
    app: Flask, tmp_path: Path, export_id: UUID
) -> None:
    refusal = StorageFull("Storage is full. Nothing was kept.")
    row = failing(app, tmp_path, export_id, refusal)
    assert (row.state, row.error) == ("failed", "Storage is full. Nothing was kept.")


def test_time_limit_fails_the_export_with_a_reason(
    app: Flask, tmp_path: Path, export_id: UUID
) -> None:
    row = failing(app, tmp_path, export_id, TimeoutError(), (TimeoutError,))
    assert (row.state, row.error) == ("failed", TOO_LONG)


def failing(
    app: Flask,
    folder: Path,
    export_id: UUID,
    error: Exception,
    limits: tuple[type[Exception], ...] = (),
) -> Any:
    class Refusing(LocalStorage):
        def write(self, key: str) -> LocalUpload:
            raise error

    with app.app_context():
        run(export_job(Refusing(folder)), export_id, limits=limits)
    return row_of(app, export_id)


def test_finished_export_removes_files_of_earlier_attempts(
    claim: Take,
    owner_engine: Engine,
    export_id: UUID,
    app: Flask,
    tmp_path: Path,
) -> None:
    first = held(claim())
    storage = LocalStorage(tmp_path)
    with storage.write(f"exports/{export_id}/{first.fence}.csv") as upload:
        upload.write(b"left by a worker that died")
    let_lapse(owner_engine, export_id)
    row = build_in(app, export_id, tmp_path)
    assert row.state == "ready"
    assert [path.name for path in (tmp_path / "exports" / str(export_id)).iterdir()] == ["2.csv"]
