"""Exports whose message or worker is lost are built all the same."""

from __future__ import annotations

from uuid import UUID

import pytest
import redis
from flask import Flask
from sqlalchemy import Engine, NullPool, create_engine, text

from auditsaas.accounts.models import User
from auditsaas.exports.kind import EXPORTS
from auditsaas.jobs.queue import EXTENSION, enqueue
from auditsaas.notifications import service as notifications
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tasks.jobs import sweep_jobs
from tests.support.exporting import age, ask, end_all_exports, log_locked_to_readers, row_of
from tests.support.factories import append_events, event_input, make_workspace, scoped
from tests.support.left_over import end_all_mails
from tests.support.workers import WorkerProcess, eventually


@pytest.fixture
def workspace() -> Workspace:
    made = make_workspace()
    append_events(made, [event_input() for _ in range(10)])
    return made


@pytest.fixture
def abandoned(
    app: Flask,
    worker: WorkerProcess,
    workspace: Workspace,
    admin: User,
    owner_engine: Engine,
) -> UUID:
    """An export whose worker was killed -9 while it was building, its lease since run out."""
    export_id = ask(admin, [workspace])
    with log_locked_to_readers(owner_engine):
        send(app, export_id)
        eventually(lambda: row_of(app, export_id).state == "building", "an export that is building")
        worker.kill()
    age(owner_engine, export_id, "lease_until")
    forget_messages(app)
    return export_id


def send(app: Flask, export_id: UUID) -> None:
    """Send until Redis has it: on a busy machine it may take longer than a web request waits."""
    with app.app_context():
        eventually(lambda: enqueue(EXPORTS.task, str(export_id)), "a message that Redis took")


def sweep(app: Flask) -> int:
    with app.app_context():
        return sweep_jobs()


def forget_messages(app: Flask) -> None:
    """Empty the queue, as FLUSHALL or a restart without the append-only file does."""
    with redis.Redis.from_url(app.extensions[EXTENSION].conf.broker_url) as connection:
        connection.flushdb()


def test_export_of_a_killed_worker_stays_building_without_a_sweep(
    app: Flask, worker: WorkerProcess, workspace: Workspace, admin: User, abandoned: UUID
) -> None:
    """The control: nothing but the sweeper brings it back."""
    worker.start()
    another = ask(admin, [workspace])
    send(app, another)
    eventually(lambda: row_of(app, another).state == "ready", "another export that is ready")
    assert row_of(app, abandoned).state == "building"


def test_sweep_restarts_the_export_of_a_killed_worker(
    app: Flask, worker: WorkerProcess, admin: User, abandoned: UUID
) -> None:
    worker.start()
    assert sweep(app) >= 1
    eventually(lambda: row_of(app, abandoned).state == "ready", "an export that is ready")
    row = row_of(app, abandoned)
    assert (row.attempts, row.fence) == (2, 2)
    with scoped(user=admin.id) as session:
        assert notifications.count_unread(session, admin.id) == 1


def test_sweep_resends_a_lost_message(
    app: Flask, worker: WorkerProcess, workspace: Workspace, admin: User, owner_engine: Engine
) -> None:
    export_id = ask(admin, [workspace])
    age(owner_engine, export_id, "created_at")
    sweep(app)
    eventually(lambda: row_of(app, export_id).state == "ready", "an export that is ready")


def test_waiting_export_is_not_resent_at_every_sweep(
    app: Flask, worker: WorkerProcess, workspace: Workspace, admin: User, owner_engine: Engine
) -> None:
    worker.kill()
    end_all_exports(owner_engine)
    end_all_mails(owner_engine)
    export_id = ask(admin, [workspace])
    age(owner_engine, export_id, "created_at")
    assert sweep(app) >= 1
    assert sweep(app) == 0


def test_sweeper_survives_a_lost_database_connection(
    app: Flask,
    worker: WorkerProcess,
    workspace: Workspace,
    admin: User,
    owner_engine: Engine,
    settings: Settings,
) -> None:
    sweep(app)
    assert end_connections(settings.platform_database_url) >= 1
    export_id = ask(admin, [workspace])
    age(owner_engine, export_id, "created_at")
    assert sweep(app) >= 1
    eventually(lambda: row_of(app, export_id).state == "ready", "an export that is ready")


def test_build_with_a_lost_database_connection_is_retried(
    app: Flask,
    worker: WorkerProcess,
    workspace: Workspace,
    admin: User,
    owner_engine: Engine,
    settings: Settings,
) -> None:
    export_id = ask(admin, [workspace])
    with log_locked_to_readers(owner_engine):
        send(app, export_id)
        eventually(
            lambda: end_connections(settings.database_url, "Lock") or None,
            "a build that waits for the log",
        )
    eventually(lambda: row_of(app, export_id).state == "queued", "an export that is queued again")
    age(owner_engine, export_id, "lease_until")
    sweep(app)
    eventually(lambda: row_of(app, export_id).state == "ready", "an export that is ready")
    assert row_of(app, export_id).attempts == 2


def end_connections(url: str, waiting_for: str | None = None) -> int:
    """Terminate the other connections of the same role, as a failover would; how many."""
    others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE usename = current_user AND pid <> pg_backend_pid()"
        " AND (CAST(:waiting AS text) IS NULL OR wait_event_type = :waiting)"
    )
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return len(connection.execute(others, {"waiting": waiting_for}).all())
