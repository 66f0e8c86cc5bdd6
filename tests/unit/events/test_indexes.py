"""An index of the log is made and dropped while people read and write it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from auditsaas.events.maintenance import indexes, partitions
from tests.support.factories import append_events, event_input, make_workspace
from tests.support.workers import eventually
from tests.unit.events.test_partitions import PARTITIONS

NAME = "ix_events_of_test"
DEFINITION = "(workspace_id, status_code, id)"
FAR = datetime(2072, 5, 20, tzinfo=UTC)
NEW_MONTH = "events_2072_08"
CHILDREN = text("""
SELECT count(*) FILTER (WHERE x.indisvalid) FROM pg_inherits AS i
JOIN pg_index AS x ON x.indexrelid = i.inhrelid WHERE i.inhparent = to_regclass(:index)
""")
VALID = text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:index)")
WAITING = text(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'events'::regclass"
    " AND mode = 'ShareLock' AND NOT granted)"
)


@pytest.fixture(autouse=True)
def _as_it_was(owner_engine: Engine, engine: Engine) -> Iterator[None]:
    with owner_engine.begin() as connection:
        before = set(connection.scalars(text(PARTITIONS)))
    yield
    with owner_engine.begin() as connection:
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {NAME}")
        for name in set(connection.scalars(text(PARTITIONS))) - before:
            connection.exec_driver_sql(f"DROP TABLE {name}")
        for name in before:
            own = NAME + name.removeprefix("events")
            connection.exec_driver_sql(f"DROP INDEX IF EXISTS {own}")


def is_whole(owner_engine: Engine) -> bool:
    """Tell whether the log's index is valid, and so is one of each month."""
    with owner_engine.connect() as connection:
        months = connection.scalars(text(PARTITIONS)).all()
        valid = connection.scalar(VALID, {"index": NAME})
        return bool(valid) and connection.scalar(CHILDREN, {"index": NAME}) == len(months)


def test_index_is_created_once_on_every_partition(owner_engine: Engine) -> None:
    indexes.build(owner_engine, NAME, DEFINITION)
    assert is_whole(owner_engine)
    indexes.build(owner_engine, NAME, DEFINITION)
    assert is_whole(owner_engine)


def test_index_is_dropped_from_every_partition(owner_engine: Engine) -> None:
    indexes.build(owner_engine, NAME, DEFINITION)
    indexes.drop(owner_engine, NAME)
    indexes.drop(owner_engine, NAME)
    with owner_engine.connect() as connection:
        left = text("SELECT count(*) FROM pg_class WHERE relname LIKE :like")
        assert connection.scalar(left, {"like": NAME + "%"}) == 0


def test_appends_go_on_while_index_creation_waits_for_a_long_writer(owner_engine: Engine) -> None:
    workspace = make_workspace()
    with ThreadPoolExecutor(1) as pool:
        with owner_engine.connect() as writer, owner_engine.connect() as watch:
            writer.execute(text("LOCK TABLE events IN ROW EXCLUSIVE MODE"))
            made = pool.submit(indexes.build, owner_engine, NAME, DEFINITION)
            eventually(lambda: watch.scalar(WAITING), "an index that waits")
            append_events(workspace, [event_input() for _ in range(3)])
            assert not made.done()
        made.result()
    assert is_whole(owner_engine)


def test_interrupted_index_is_rebuilt(owner_engine: Engine) -> None:
    concurrent = owner_engine.execution_options(isolation_level="AUTOCOMMIT")
    own = f"{NAME}_default"
    statement = f"CREATE INDEX CONCURRENTLY {own} ON events_default {DEFINITION}"
    with owner_engine.connect() as writer, concurrent.connect() as broken:
        writer.execute(text("LOCK TABLE events_default IN ROW EXCLUSIVE MODE"))
        broken.exec_driver_sql("SET lock_timeout = '50ms'")
        with pytest.raises(OperationalError):
            broken.exec_driver_sql(statement)
        broken.exec_driver_sql("RESET lock_timeout")
        assert broken.scalar(VALID, {"index": own}) is False
    indexes.build(owner_engine, NAME, DEFINITION)
    assert is_whole(owner_engine)


def test_partition_created_meanwhile_has_the_index(owner_engine: Engine) -> None:
    with owner_engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE INDEX {NAME} ON ONLY events {DEFINITION}")
        connection.commit()
        assert NEW_MONTH in partitions.ensure(connection, FAR)
    assert not is_whole(owner_engine)
    indexes.build(owner_engine, NAME, DEFINITION)
    assert is_whole(owner_engine)
