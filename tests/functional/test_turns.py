"""Workspaces take turns in every queue, and long jobs leave a process of a worker to the others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from flask import Flask
from sqlalchemy import Engine, text

from auditsaas.accounts.models import User
from auditsaas.app import create_app
from auditsaas.exports import service
from auditsaas.exports.kind import EXPORTS
from auditsaas.exports.models import Export
from auditsaas.exports.requester import Requester
from auditsaas.extensions import settings
from auditsaas.imports.kind import IMPORTS
from auditsaas.jobs.kind import Kind
from auditsaas.jobs.queue import EXTENSION, send
from auditsaas.jobs.sweeper import sweep
from auditsaas.jobs.turns import send_in_turn
from auditsaas.workspaces.models import Workspace
from config.celery import HEAVY, QUICK, QUICK_TURNS
from config.celery import IMPORTS as IMPORTS_QUEUE
from config.settings import Settings
from tasks.jobs import build_export
from tests.support.exporting import age, ask, end_all_exports, row_of
from tests.support.factories import (
    append_events,
    event_input,
    make_member,
    make_workspace,
    scoped,
)
from tests.support.importing import ask_for_import, import_row
from tests.support.workers import WorkerProcess, eventually, with_queue

TURNS_QUEUE = 4
MANY = 12
ACCESS_LOG = Path(__file__).parents[1] / "fixtures" / "access.log"


@pytest.fixture(scope="module")
def app(settings: Settings, engine: Engine) -> Flask:
    """The product with a queue of its own, of which no worker takes messages."""
    return create_app(with_queue(settings, TURNS_QUEUE))


@pytest.fixture(autouse=True)
def _quiet_queue(app: Flask, owner_engine: Engine) -> Iterator[None]:
    """No jobs of earlier tests, and an empty queue."""
    end_all_exports(owner_engine)
    with owner_engine.begin() as connection:
        connection.execute(text("ALTER TABLE imports NO FORCE ROW LEVEL SECURITY"))
        connection.execute(
            text("UPDATE imports SET state = 'failed' WHERE state IN ('queued', 'running')")
        )
        connection.execute(text("ALTER TABLE imports FORCE ROW LEVEL SECURITY"))
    with queue_of(app) as server:
        server.flushdb()
    with app.app_context():
        yield


@pytest.fixture
def acme() -> Workspace:
    made = make_workspace()
    append_events(made, [event_input()])
    return made


@pytest.fixture
def initech() -> Workspace:
    made = make_workspace()
    append_events(made, [event_input()])
    return made


def queue_of(app: Flask) -> redis.Redis:
    return redis.Redis.from_url(app.extensions[EXTENSION].conf.broker_url)


def messages(app: Flask, queue: str = QUICK) -> list[UUID]:
    """The jobs that wait in a queue, the next one first."""
    with queue_of(app) as server:
        found = [json.loads(raw) for raw in server.lrange(queue, 0, -1)]
    return [UUID(each["headers"]["argsrepr"].strip("()',")) for each in reversed(found)]


def take(app: Flask, queue: str = QUICK) -> UUID | None:
    """Take the next message, as a worker does."""
    found = messages(app, queue)
    with queue_of(app) as server:
        server.rpop(queue)
    return found[0] if found else None


Send = Callable[[Kind[Any], Any], object]


def ask_for_many(admin: User, workspace: Workspace, number: int, send: Send, **how: Any) -> None:
    for _ in range(number):
        ask_and_send(admin, workspace, send, **how)


def ask_and_send(admin: User, workspace: Workspace, send: Send, **how: Any) -> UUID:
    export_id = ask(admin, [workspace], **how)
    with scoped(workspace.id, user=admin.id) as session:
        send(EXPORTS, session.get_one(Export, export_id))
    return export_id


def built(app: Flask) -> list[UUID]:
    """Do the jobs of the queue one by one, as a worker of one process does; their order."""
    order: list[UUID] = []
    while (export_id := take(app)) is not None:
        if row_of(app, export_id).state == "queued":
            build_export(str(export_id))
            order.append(export_id)
    return order


def place_of_anothers(app: Flask, admin: User, acme: Workspace, other: Workspace, how: Send) -> int:
    """Ask for many exports of one workspace, then one of another; how many are built before it."""
    ask_for_many(admin, acme, MANY, how)
    anothers = ask_and_send(admin, other, how)
    order = built(app)
    assert len(order) == MANY + 1
    return order.index(anothers)


def test_many_exports_of_one_workspace_do_not_delay_anothers(
    app: Flask, admin: User, acme: Workspace, initech: Workspace
) -> None:
    assert place_of_anothers(app, admin, acme, initech, send_in_turn) == QUICK_TURNS


def test_without_turns_a_queue_serves_who_came_first(
    app: Flask, admin: User, acme: Workspace, initech: Workspace
) -> None:
    """The control."""
    first_come: Send = lambda kind, row: send(kind.message(row))  # noqa: E731
    assert place_of_anothers(app, admin, acme, initech, first_come) == MANY


def test_sweep_sends_of_each_workspace_only_whose_turn_it_is(
    app: Flask, admin: User, acme: Workspace, initech: Workspace, owner_engine: Engine
) -> None:
    waiting = [ask(admin, [acme]) for _ in range(MANY)] + [ask(admin, [initech])]
    for export_id in waiting:
        age(owner_engine, export_id, "created_at")
    assert sweep([EXPORTS]) == QUICK_TURNS + 1
    assert set(messages(app)) == {*waiting[:QUICK_TURNS], waiting[-1]}
    assert set(messages(app)[:2]) == {waiting[0], waiting[-1]}


def test_heavy_exports_of_a_workspace_run_one_at_a_time(
    app: Flask, admin: User, acme: Workspace, initech: Workspace
) -> None:
    first = ask_and_send(admin, acme, send_in_turn, format="pdf")
    ask_for_many(admin, acme, 3, send_in_turn, format="pdf")
    other = ask_and_send(admin, initech, send_in_turn, format="pdf")
    assert messages(app, HEAVY) == [first, other]
    quick = ask_and_send(admin, acme, send_in_turn)
    assert messages(app) == [quick]


def test_an_installation_may_let_more_of_a_workspaces_heavy_exports_run(
    app: Flask, admin: User, acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    object.__setattr__(made := settings(), "heavy_jobs", 3)
    try:
        ask_for_many(admin, acme, 5, send_in_turn, format="pdf")
    finally:
        object.__setattr__(made, "heavy_jobs", 1)
    assert len(messages(app, HEAVY)) == 3


def test_exports_that_are_run_again_wait_for_their_turn(
    app: Flask, admin: User, acme: Workspace
) -> None:
    asked = [ask(admin, [acme]) for _ in range(MANY)]
    for export_id in reversed(asked):
        with scoped(acme.id, user=admin.id) as session:
            export = session.get_one(Export, export_id)
            requester = Requester(person=admin, roles={acme.id: "admin"})
            service.cancel(session, export, requester)
            session.commit()
    for export_id in reversed(asked):
        with scoped(acme.id, user=admin.id) as session:
            export = session.get_one(Export, export_id)
            service.run_again(session, export, requester)
            session.commit()
            send_in_turn(EXPORTS, export)
    assert len(messages(app)) == QUICK_TURNS


@contextmanager
def logs_held(owner: Engine, *workspaces: Workspace) -> Iterator[None]:
    """Let nothing be appended to these logs meanwhile, so that their imports do not end."""
    with ExitStack() as held:
        for workspace in workspaces:
            connection = held.enter_context(owner.begin())
            bound = text("SELECT set_config('auditsaas.workspaces', :ids, true)")
            connection.execute(bound, {"ids": f"{{{workspace.id}}}"})
            locked = text("SELECT seq FROM log_heads WHERE workspace_id = :id FOR UPDATE")
            assert connection.execute(locked, {"id": workspace.id}).one()
        yield


def test_two_long_imports_leave_a_process_to_everything_else(
    app: Flask,
    worker: WorkerProcess,
    admin: User,
    acme: Workspace,
    initech: Workspace,
    owner_engine: Engine,
    worker_settings: Any,
) -> None:
    app.extensions[EXTENSION].conf.broker_url = worker_settings.redis_url
    other = make_workspace()
    make_member(other, user=admin)
    append_events(other, [event_input()])
    imports = [
        ask_for_import(app, admin, each, ACCESS_LOG.read_bytes()) for each in (acme, initech)
    ]
    with logs_held(owner_engine, acme, initech):
        for import_id in imports:
            send_in_turn(IMPORTS, import_row(app, import_id))
        eventually(lambda: "running" in states(app, imports), "an import that runs")
        export_id = ask_and_send(admin, other, send_in_turn)
        eventually(lambda: row_of(app, export_id).state == "ready", "an export that is ready")
        assert sorted(states(app, imports)) == ["queued", "running"]
    eventually(lambda: states(app, imports) == ["done", "done"], "imports that are done")


def states(app: Flask, imports: list[UUID]) -> list[str]:
    return [import_row(app, each).state for each in imports]


def test_first_of_jobs_asked_for_together_is_sent(app: Flask, admin: User, acme: Workspace) -> None:
    """Each of them would else wait for the others, and all for the sweep."""
    ids = [ask(admin, [acme], format="pdf") for _ in range(3)]
    with scoped(acme.id, user=admin.id) as session:
        send_in_turn(EXPORTS, *(session.get_one(Export, each) for each in ids))
    assert messages(app, HEAVY) == ids[:1]


def test_imports_have_a_queue_of_their_own(app: Flask, admin: User, acme: Workspace) -> None:
    import_id = ask_for_import(app, admin, acme, ACCESS_LOG.read_bytes())
    send_in_turn(IMPORTS, import_row(app, import_id))
    assert messages(app, IMPORTS_QUEUE) == [import_id]
