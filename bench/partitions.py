"""Months made and dropped while others read and write: how long anybody waited for it.

Readers ask what a page asks and writers append, each on a connection of its own and with a short
pause, so that nobody waits for a processor. What is measured is the longest step of theirs that was
under way during a change; beside it stands the longest in as many quiet moments. The control drops
a month as one would by hand, behind somebody who reads slowly, and must be seen to hold up all.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, Engine, NullPool, create_engine, text

from auditsaas.db.ids import first_id_at
from auditsaas.events.maintenance import partitions, removing, retention
from auditsaas.events.maintenance.partitions import add_months
from bench import dataset
from bench.bystanders import PAGE, PAUSE_SECONDS, READERS, WRITERS, Busy, busy_with, connected
from bench.dataset import Dataset
from bench.tables import Table

MONTHS = 4
"""How many are made, and how many dropped in each way."""

QUIET_SECONDS = 0.5
SLOW_SECONDS = 1.5
RETENTION_DAYS = 30
TARGET_MS = 100


@dataclass(frozen=True)
class Window:
    began: float
    ended: float

    @property
    def ms(self) -> float:
        return (self.ended - self.began) * 1000


def measure(events: int, share: float) -> Table:
    """On a copy of the dataset, for it loses months."""
    table = Table(
        f"Months made and dropped at {events:,} events, ms",
        [
            "",
            "times",
            "each took",
            "longest read",
            "longest append",
            "longest wait for a lock",
            f"≤ {TARGET_MS} ms",
        ],
        [
            (
                f"{READERS} readers and {WRITERS} writers, with"
                f" {PAUSE_SECONDS['reader'] * 1000:.0f} and {PAUSE_SECONDS['writer'] * 1000:.0f} ms"
                " between their steps. Quiet is the longest step of theirs while nothing changed:"
                " what the machine itself does. The wait for a lock is PostgreSQL's own word,"
                " and what the target is for."
            ),
            (
                "Slow reader: a transaction that has read the month and stays open for"
                f" {SLOW_SECONDS} s. The control drops it without a limit on its own wait."
            ),
        ],
    )
    with dataset.copied(events, share, "partitions") as data, busy_with(data) as busy:
        owner = create_engine(data.settings.owner_url, poolclass=NullPool)
        for name, change in _changes(owner, data).items():
            windows = [_watched(change) for _ in range(MONTHS)]
            _add(table, name, busy, windows)
        owner.dispose()
    table.notes.append(f"{len(busy.failed):,} appends failed{': ' if busy.failed else ''}")
    table.notes[-1] += "; ".join(sorted(set(busy.failed))[:3])[:300] or "."
    return table


def _changes(owner: Engine, data: Dataset) -> dict[str, Callable[[], None]]:
    ahead = itertools.count(partitions.MONTHS_AHEAD + 1)
    months = iter(_months(owner))

    def make() -> None:
        _make(owner, next(ahead) - partitions.MONTHS_AHEAD)

    def drop() -> None:
        _drop(owner, next(months))

    def drop_beside_a_slow_reader() -> None:
        month = next(months)
        with _slow_reader(data, month):
            _drop(owner, month)

    def drop_by_hand() -> None:
        month = next(months)
        with _slow_reader(data, month), owner.begin() as connection:
            connection.exec_driver_sql(f"DROP TABLE {month}")

    _let_go(owner)
    return {
        "quiet": lambda: time.sleep(QUIET_SECONDS),
        "a month made": make,
        "a month dropped": drop,
        "a month dropped, slow reader": drop_beside_a_slow_reader,
        "control: DROP TABLE by hand, slow reader": drop_by_hand,
    }


def _watched(change: Callable[[], None]) -> Window:
    time.sleep(QUIET_SECONDS)
    began = time.monotonic()
    change()
    ended = time.monotonic()
    time.sleep(QUIET_SECONDS)
    return Window(began, ended)


def _add(table: Table, name: str, busy: Busy, windows: list[Window]) -> None:
    read, write, lock = (_longest(done, windows) for done in (busy.reads, busy.writes, busy.locked))
    table.add(
        name,
        str(len(windows)),
        f"{sum(window.ms for window in windows) / len(windows):.0f}",
        f"{read:.0f}",
        f"{write:.0f}",
        f"{lock:.0f}",
        "" if name == "quiet" else "yes" if lock <= TARGET_MS else "no",
    )


def _longest(done: list[tuple[float, float]], windows: list[Window]) -> float:
    """In ms, of the steps that were under way during one of the windows."""
    return 1000 * max(
        (
            ended - began
            for began, ended in list(done)
            if any(began <= window.ended and ended >= window.began for window in windows)
        ),
        default=0.0,
    )


# The changes


def _months(owner: Engine) -> list[str]:
    """The partitions that hold whole months which are over, oldest first."""
    with owner.connect() as connection:
        names = list(connection.scalars(removing.MONTHS))
    now = datetime.now(UTC)
    return [name for name in names if _end(name) <= now - timedelta(days=1)]


def _end(name: str) -> datetime:
    year, month = map(int, name.split("_")[1:])
    return add_months(datetime(year, month, 1, tzinfo=UTC), 1)


def _let_go(owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(
            text("UPDATE workspaces SET retention_days = :days"), {"days": RETENTION_DAYS}
        )


def _make(owner: Engine, months: int) -> None:
    """What beat does twice a day, as on the first day of a later month."""
    with owner.connect() as connection:
        made = partitions.ensure(connection, add_months(datetime.now(UTC), months))
    assert len(made) == 1, made


def _drop(owner: Engine, month: str) -> None:
    """What beat does at night, at the moment when exactly this month is past its retention."""
    retention.apply(owner, _end(month) + timedelta(days=RETENTION_DAYS))
    with owner.connect() as connection:
        assert not _exists(connection, month), f"{month} was not dropped"


def _exists(connection: Connection, name: str) -> bool:
    return bool(connection.scalar(text("SELECT to_regclass(:name)"), {"name": name}))


@contextmanager
def _slow_reader(data: Dataset, month: str) -> Iterator[None]:
    """Somebody whose transaction holds what it has read for a while."""
    reading = threading.Event()

    def read() -> None:
        with connected(data) as connection:
            before = f"'{_last_id(month)}'"
            connection.execute(PAGE.replace("%(before)s", before), {"w": data.big}).fetchall()
            reading.set()
            time.sleep(SLOW_SECONDS)
            connection.rollback()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    assert reading.wait(30)
    yield
    thread.join()


def _last_id(month: str) -> UUID:
    return first_id_at(_end(month))
