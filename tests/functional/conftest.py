"""Fixtures of the journeys: one worker for the whole run, for the tests that ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from auditsaas.accounts.models import User
from auditsaas.app import create_app
from auditsaas.db import tickets
from auditsaas.exports.asking import at_once
from auditsaas.jobs.queue import EXTENSION
from auditsaas.workspaces.models import Workspace
from config.settings import Settings
from tests.support.exporting import end_all_exports
from tests.support.factories import make_api_key, make_member, make_workspace, sign_in
from tests.support.patient import Patient, patient
from tests.support.scheduling import end_all_schedules
from tests.support.serving import WebProcess
from tests.support.workers import JOURNEY_QUEUE, WorkerProcess, with_queue


@pytest.fixture(autouse=True)
def _database(engine: Engine) -> None:
    """Every journey has the migrated database of ``settings``."""


@pytest.fixture
def acme() -> Workspace:
    """A workspace by a name that pages show."""
    return make_workspace("Acme Freight")


@pytest.fixture
def key(acme: Workspace) -> str:
    """A key of Acme's with every scope."""
    return make_api_key(acme)


@pytest.fixture
def browser(app: Flask) -> Callable[[User], FlaskClient]:
    """Opens a browser of its own, in which the person is signed in."""

    def signed_in(user: User) -> FlaskClient:
        client = app.test_client()
        sign_in(client, user)
        return client

    return signed_in


@pytest.fixture
def no_file_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves every file to a worker, as if it had more rows than are built at once."""
    monkeypatch.setattr(at_once, "ROWS", -1)


@pytest.fixture
def signed_in_admin(client: FlaskClient, admin: User) -> User:
    """The workspace's admin, signed in in ``client``."""
    sign_in(client, admin)
    return admin


@pytest.fixture(scope="session")
def web(settings: Settings, engine: Engine, data_dir: Path) -> Iterator[WebProcess]:
    """The product on gunicorn, which no test may stop."""
    made = WebProcess(settings, data_dir / "web.log")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def no_other_schedules(owner_engine: Engine) -> None:
    """No schedule of an earlier test is due."""
    end_all_schedules(owner_engine)


@pytest.fixture(scope="session")
def worker_settings(settings: Settings) -> Settings:
    """The installation as the worker knows it: with the queue that it listens to."""
    return with_queue(settings, JOURNEY_QUEUE)


@pytest.fixture(scope="session")
def worker_process(worker_settings: Settings, data_dir: Path) -> Iterator[WorkerProcess]:
    made = WorkerProcess(worker_settings, data_dir / "worker.log")
    yield made
    made.stop()


@pytest.fixture(scope="session")
def _queue_with_a_worker(worker_settings: Settings, engine: Engine) -> object:
    return create_app(worker_settings).extensions[EXTENSION]


@pytest.fixture
def worker(
    worker_process: WorkerProcess,
    worker_settings: Settings,
    app: Flask,
    _queue_with_a_worker: object,
    owner_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> WorkerProcess:
    """A worker that takes what this test sends, also when an earlier test has killed it.

    Earlier tests left exports that a sweep would send to it as well, and perhaps messages.
    """
    end_all_exports(owner_engine)
    with Redis.from_url(worker_settings.redis_url) as redis:
        redis.flushdb()
    monkeypatch.setitem(app.extensions, EXTENSION, _queue_with_a_worker)
    worker_process.start()
    return worker_process


@pytest.fixture
def second_admin(workspace: Workspace) -> User:
    """Another admin of the workspace."""
    return make_member(workspace)


@pytest.fixture
def second_browser(second_admin: User, browser: Callable[[User], FlaskClient]) -> FlaskClient:
    """The other admin's browser."""
    return browser(second_admin)


@pytest.fixture(scope="module")
def _patient() -> Iterator[Patient]:
    with patient() as made:
        yield made


@pytest.fixture
def ill(_patient: Patient) -> Patient:
    """An installation of the file's own for the doctor, alive, which a test breaks and heals."""
    tickets.sign_with(_patient.settings.secret_key)
    _patient.lives()
    return _patient
