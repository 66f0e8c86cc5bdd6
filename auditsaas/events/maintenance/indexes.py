"""Indexes of the log, made and dropped while people read and write it.

PostgreSQL makes no index of a partitioned table concurrently. So the log itself gets one that is
not valid yet, every month one that is built beside its readers and writers, and the last one to be
attached makes the whole valid. Each step is committed by itself; what was interrupted goes on where
it was when it is asked for again.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text

from auditsaas.events.maintenance.partitions import run_with_short_lock

WITHOUT = text("""
SELECT month.relname FROM pg_inherits AS i
JOIN pg_class AS month ON month.oid = i.inhrelid
WHERE i.inhparent = 'events'::regclass AND NOT EXISTS (
    SELECT FROM pg_inherits AS attached JOIN pg_index AS x ON x.indexrelid = attached.inhrelid
    WHERE attached.inhparent = to_regclass(:index) AND x.indrelid = month.oid)
ORDER BY 1
""")
BROKEN_OFF = text(
    "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(:index) AND NOT indisvalid)"
)


def build(engine: Engine, name: str, definition: str) -> None:
    """Give the log and each of its months an index; ``definition`` follows the table's name.

    Args:
        engine: of the owner of the tables, and not through a pooler.

    Raises:
        OperationalError: another transaction held the log for two minutes on end.
    """
    concurrent = engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection, concurrent.connect() as beside:
        run_with_short_lock(
            connection, f"CREATE INDEX IF NOT EXISTS {name} ON ONLY events {definition}"
        )
        # Read beside as well: building waits for every transaction that has read anything before.
        for month in beside.scalars(WITHOUT, {"index": name}).all():
            own = name + month.removeprefix("events")
            _build_beside(beside, own, month, definition)
            run_with_short_lock(connection, f"ALTER INDEX {name} ATTACH PARTITION {own}")


def drop(engine: Engine, name: str) -> None:
    """Take an index from the log and all its months.

    Raises:
        OperationalError: another transaction held the log for two minutes on end.
    """
    with engine.connect() as connection:
        run_with_short_lock(connection, f"DROP INDEX IF EXISTS {name}")


def _build_beside(beside: Connection, own: str, month: str, definition: str) -> None:
    if beside.scalar(BROKEN_OFF, {"index": own}):
        beside.exec_driver_sql(f"DROP INDEX CONCURRENTLY {own}")
    beside.exec_driver_sql(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {own} ON {month} {definition}")
