"""The months of the log are made while people read and write it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from auditsaas.events.maintenance import partitions
from tests.support.workers import eventually

FAR = datetime(2061, 5, 20, tzinfo=UTC)
MONTH = "events_2061_08"
WAITING = text(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'events'::regclass"
    " AND mode = 'AccessExclusiveLock' AND NOT granted)"
)


@pytest.fixture(autouse=True)
def _as_it_was(owner_engine: Engine, engine: Engine) -> Iterator[None]:
    with owner_engine.begin() as connection:
        before = set(connection.scalars(text(PARTITIONS)))
    yield
    with owner_engine.begin() as connection:
        for name in set(connection.scalars(text(PARTITIONS))) - before:
            connection.exec_driver_sql(f"DROP TABLE {name}")


PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'events'::regclass"


def make(owner_engine: Engine) -> list[str]:
    with owner_engine.connect() as connection:
        return partitions.ensure(connection, FAR)


def test_partitions_ahead_are_created_once(owner_engine: Engine) -> None:
    assert MONTH in make(owner_engine)
    assert make(owner_engine) == []


def test_reads_go_on_while_partition_creation_waits_for_a_long_reader(
    owner_engine: Engine, engine: Engine
) -> None:
    """A long export holds the log, a new month waits for it, and a page comes after both."""
    with ThreadPoolExecutor(1) as pool:
        with engine.connect() as export, engine.connect() as watch:
            export.execute(text("SELECT count(*) FROM events"))
            made = pool.submit(make, owner_engine)
            eventually(lambda: watch.scalar(WAITING), "a month that waits")
            with engine.begin() as page:
                page.execute(text("SET LOCAL lock_timeout = '1500ms'"))
                page.execute(text("SELECT count(*) FROM events"))
            assert not made.done()
        assert MONTH in made.result()
