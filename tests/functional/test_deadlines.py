"""Deadlines that the client keeps, against a PostgreSQL that is frozen."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from auditsaas.db import deadlines, pools
from auditsaas.db.deadlines import NoAnswer, StatementUnanswered
from config import embedded
from tests.support.engines import data_folder, frozen, postgres_processes

SERVER_MS = 500
CLIENT_SECONDS = 1.0
ONE = text("SELECT 1")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with data_folder() as made:
        yield made


@pytest.fixture(scope="module")
def url(folder: Path) -> str:
    return embedded.start_postgres(folder).app


def engine_of(url: str) -> Engine:
    options: dict[str, Any] = pools.engine_options(url, SERVER_MS)
    return create_engine(**options)


@pytest.fixture
def bounded(url: str) -> Iterator[Engine]:
    made = engine_of(url)
    deadlines.bound(made, CLIENT_SECONDS, ping_seconds=CLIENT_SECONDS)
    yield made
    made.dispose()


def ask(engine: Engine) -> float:
    """Seconds until PostgreSQL was found not to answer."""
    began = time.monotonic()
    with pytest.raises(OperationalError) as caught, engine.connect() as connection:
        connection.execute(ONE)
    assert isinstance(caught.value.orig, NoAnswer)
    return time.monotonic() - began


def test_statement_under_way_ends_at_its_deadline(folder: Path, bounded: Engine) -> None:
    with bounded.connect() as connection:
        connection.execute(ONE)
        began = time.monotonic()
        with frozen(postgres_processes(folder)), pytest.raises(OperationalError) as caught:
            connection.execute(ONE)
        assert time.monotonic() - began < CLIENT_SECONDS + 1
        assert isinstance(caught.value.orig, StatementUnanswered)
        assert connection.invalidated
    with bounded.connect() as connection:
        assert connection.scalar(ONE) == 1


def test_statement_without_a_deadline_waits_for_a_frozen_server(folder: Path, url: str) -> None:
    """The control: the server's own timeout is frozen with it."""
    engine = engine_of(url)
    answered = threading.Event()

    def wait() -> None:
        with engine.connect() as connection:
            connection.execute(ONE)
        answered.set()

    with engine.connect() as connection:
        connection.execute(ONE)
    with frozen(postgres_processes(folder)):
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not answered.wait(3 * CLIENT_SECONDS)
    waiting.join()
    assert answered.is_set()
    engine.dispose()


def test_one_connection_a_second_tries_a_frozen_server(folder: Path, bounded: Engine) -> None:
    with bounded.connect() as connection:
        connection.execute(ONE)
    with frozen(postgres_processes(folder)):
        assert ask(bounded) >= CLIENT_SECONDS
        assert max(ask(bounded) for _ in range(10)) < 0.5
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with bounded.connect() as connection:
                assert connection.scalar(ONE) == 1
            return
        except OperationalError:
            threading.Event().wait(0.1)
    pytest.fail("the server was never asked again")


def test_one_hung_connection_does_not_refuse_others(folder: Path, bounded: Engine) -> None:
    with bounded.connect() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        with frozen([int(pid or 0)]):
            with pytest.raises(OperationalError):
                connection.execute(ONE)
            with bounded.connect() as other:
                assert other.scalar(ONE) == 1
