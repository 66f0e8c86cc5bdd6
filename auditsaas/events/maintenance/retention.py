"""Removes events past their workspace's retention, with the counts kept exact.

Runs as the owner of the tables, the only role that may remove events; row-level security is forced
on the owner too, so every transaction binds the workspaces it touches. A month goes as a whole
partition where every workspace in it allows that, anything else in bounded batches by key. The
head of each log is locked first, as appending does, so the two take turns; ``seq`` stays as it is.
The product's own events of lasting kinds stay longer (``lasting``). Of a log that is sealed only
sealed numbers go, and what went is noted with it (``removals``), to be told and to have its seeds
destroyed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import NotSupportedError, OperationalError

from auditsaas.db.ids import first_id_at
from auditsaas.events.columns import forgetting
from auditsaas.events.maintenance import lasting, removals
from auditsaas.events.maintenance.lasting import Lasting, days_before
from auditsaas.events.maintenance.partitions import add_months
from auditsaas.events.maintenance.removing import (
    COUNT_REMOVED,
    FORGET_COUNTS,
    FORGET_EMPTY,
    LOCK_HEADS,
    MONTHS,
    POLICIES,
    POLICY,
    REMOVE_BATCH,
)

BATCH = 2_000
LOCK_WAIT_MS = 40
"""The longest wait for each of the two locks that dropping a month takes, one after the other:
readers and writers have to queue behind them, and are promised to do so for at most 100 ms."""

LOCK_TRIES = 50
ONE_AT_A_TIME = 0x52455445

NOTHING_LASTS = Lasting()


class MonthKept(Exception):
    """A month must be kept after all; its transaction is rolled back."""


@dataclass(frozen=True)
class Cut:
    """The retention cutoff of a workspace's log."""

    before: datetime
    days: int


@dataclass(frozen=True)
class Month:
    """A month that has a partition of its own."""

    name: str
    start: datetime

    @property
    def end(self) -> datetime:
        return add_months(self.start, 1)


@dataclass(frozen=True)
class Removed:
    """The events and months removed from one workspace's log."""

    workspace_id: UUID
    events: int
    before: datetime


def apply(
    engine: Engine, now: datetime, *, keep: Lasting = NOTHING_LASTS, least_days: int = 0
) -> list[Removed]:
    """Remove events past their retention; do nothing while another process does.

    No workspace loses events younger than ``least_days``.
    """
    with engine.connect() as watch:
        if not watch.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME}):
            return []
        with engine.connect() as connection:
            days = {
                row.id: max(row.retention_days, least_days) for row in connection.execute(POLICIES)
            }
            cuts = {key: Cut(days_before(now, kept), kept) for key, kept in days.items()}
            connection.rollback()
            stays = keep.values(now)
            counted = _drop_months(connection, cuts, stays)
            for workspace, cut in cuts.items():
                removed = _remove_rows(connection, workspace, cut, stays)
                counted[workspace] = counted.get(workspace, 0) + removed
                if counted[workspace]:
                    _forget_contests(connection, workspace, cut)
    return [Removed(key, counted[key], cuts[key].before) for key in cuts if counted.get(key)]


def _drop_months(
    connection: Connection, cuts: Mapping[UUID, Cut], stays: Mapping[str, Any]
) -> dict[UUID, int]:
    """Drop months past every workspace's retention; return the events removed by workspace."""
    counted: dict[UUID, int] = {}
    for name in list(connection.scalars(MONTHS)):
        year, number = map(int, name.split("_")[1:])
        month = Month(name, datetime(year, number, 1, tzinfo=UTC))
        if any(month.end <= cut.before for cut in cuts.values()):
            for workspace, n in _drop(connection, month, cuts, stays).items():
                counted[workspace] = counted.get(workspace, 0) + n
        connection.rollback()
    return counted


def _drop(
    connection: Connection, month: Month, cuts: Mapping[UUID, Cut], stays: Mapping[str, Any]
) -> dict[UUID, int]:
    for _ in range(LOCK_TRIES):
        connection.rollback()
        inside = _workspaces_in(connection, month.name)
        if not inside or not _all_allow(inside, month.end, cuts):
            return {}
        try:
            return _drop_locked(connection, month, cuts, inside, stays)
        except (MonthKept, NotSupportedError):
            # A cluster may not take a partition that was made apart; then its rows go one by one.
            return {}
        except OperationalError:
            # A reader or writer holds the month; let it go first, as often as it takes.
            connection.rollback()
            time.sleep(LOCK_WAIT_MS / 1000)
    return {}


def _drop_locked(
    connection: Connection,
    month: Month,
    cuts: Mapping[UUID, Cut],
    inside: frozenset[UUID],
    stays: Mapping[str, Any],
) -> dict[UUID, int]:
    period = {"workspaces": sorted(inside), "start": month.start, "end": month.end}
    with bound(connection, inside):
        copied = lasting.copy(connection, month.name, stays)
        if copied is None:
            raise MonthKept
        forgetting.lock(connection, inside)
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}")
        # There are many counts, so they go first, while nobody waits; what late events add
        # meanwhile goes once the locks are held.
        gone = Counter(_forgotten(connection, period))
        forgetting.forget_period(connection, inside, month.start, month.end)
        connection.execute(LOCK_HEADS, {"workspaces": sorted(inside)})
        if not lasting.still(connection, month.name, stays, copied):
            raise MonthKept
        before = {key: cuts[key].before for key in inside}
        if not removals.note_month(connection, month.name, before):
            raise MonthKept
        connection.exec_driver_sql(f"LOCK TABLE events, {month.name} IN ACCESS EXCLUSIVE MODE")
        # Late events, or a legal hold, may have come while the lock was waited for.
        held = {key: cuts[key] for key in inside if _still(connection, key, cuts[key])}
        now_inside = _workspaces_in(connection, month.name)
        if not now_inside <= inside or not _all_allow(now_inside, month.end, held):
            raise MonthKept
        gone.update(_forgotten(connection, period))
        gone.subtract(copied)
        for workspace, n in gone.items():
            connection.execute(COUNT_REMOVED, {"workspace": workspace, "n": n})
        connection.exec_driver_sql(f"DROP TABLE {month.name}")
        if copied:
            first, after = first_id_at(month.start), first_id_at(month.end)
            lasting.take_place(connection, month.name, first, after)
        return dict(gone)


def _forgotten(connection: Connection, month: Mapping[str, Any]) -> dict[UUID, int]:
    """Delete a month's rollups; return how many events they counted, by workspace."""
    return {row.workspace_id: int(row.n) for row in connection.execute(FORGET_COUNTS, month)}


def _workspaces_in(connection: Connection, name: str) -> frozenset[UUID]:
    # The policies are on the whole table: its owner reads a single partition freely.
    inside = f"SELECT FROM {name} AS e WHERE e.workspace_id = w.id"  # a name of the catalogue
    found = text(f"SELECT w.id FROM workspaces AS w WHERE EXISTS ({inside})")  # noqa: S608
    return frozenset(connection.scalars(found))


def _all_allow(inside: Iterable[UUID], end: datetime, cuts: Mapping[UUID, Cut]) -> bool:
    return all(workspace in cuts and end <= cuts[workspace].before for workspace in inside)


def _remove_rows(
    connection: Connection, workspace: UUID, cut: Cut, stays: Mapping[str, Any]
) -> int:
    """Remove a workspace's old events batch by batch; a legal hold stops it at the next one."""
    removed = 0
    after = UUID(int=0)
    while True:
        with bound(connection, [workspace]):
            if not _still(connection, workspace, cut):
                return removed
            forgetting.lock(connection, [workspace])
            connection.execute(LOCK_HEADS, {"workspaces": [workspace]})
            before = first_id_at(cut.before)
            values = {"workspace": workspace, "before": before, "after": after, "batch": BATCH}
            values["sealed"] = removals.sealed_to(connection, workspace)
            gone = connection.execute(REMOVE_BATCH, {**values, **stays}).one()
            if gone.n:
                numbers = (gone.first_seq, gone.last_seq)
                removals.note(connection, workspace, cut.before, numbers, gone.n)
                connection.execute(FORGET_EMPTY, {"workspace": workspace})
                forgetting.forget(connection, workspace, forgetting.blocks_of(gone.numbers))
                after = gone.last
        removed += int(gone.n)
        if gone.n < BATCH:
            return removed


def _forget_contests(connection: Connection, workspace: UUID, cut: Cut) -> None:
    """Forget which events stood beside others once they are removed."""
    with bound(connection, [workspace]):
        removals.forget_contests(connection, workspace, first_id_at(cut.before))


def _still(connection: Connection, workspace: UUID, cut: Cut) -> bool:
    """Check again that no legal hold or longer retention keeps these events."""
    return bool(connection.scalar(POLICY, {"workspace": workspace, "days": cut.days}))


@contextmanager
def bound(connection: Connection, workspaces: Iterable[UUID]) -> Iterator[Any]:
    """Open a transaction with these workspaces as its scope."""
    connection.rollback()
    with connection.begin():
        ids = ",".join(sorted(str(workspace) for workspace in workspaces))
        connection.exec_driver_sql(f"SET LOCAL auditsaas.workspaces = '{{{ids}}}'")
        yield connection
