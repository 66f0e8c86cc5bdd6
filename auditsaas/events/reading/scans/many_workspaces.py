"""Reads the logs of very many workspaces at once.

A union of a thousand index scans takes longer to plan than to run. Here one statement probes every
log; windows of time bound what a probe may read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.models import events
from auditsaas.events.reading.scans.budget import Budget
from auditsaas.events.reading.scans.cursor import NEWEST, Cursor
from auditsaas.events.reading.scans.event_rows import WHOLE, RowColumns, with_actors
from auditsaas.events.reading.scans.lateral_scan import LateralScan
from auditsaas.events.reading.scans.sample import Sample, Take
from auditsaas.events.reading.scans.time_windows import Windows

Columns = Sequence[ColumnElement[Any]]


@dataclass(frozen=True)
class ManyWorkspaces:
    """One filter over very many workspaces; its actors are resolved when it is first read."""

    session: Session
    workspace_ids: Sequence[UUID]
    event_filter: EventFilter
    snapshot: Mapping[UUID, int] | None = None

    @cached_property
    def _logs(self) -> LateralScan:
        return LateralScan(self.session, self.workspace_ids, self.event_filter, self.snapshot)

    def page(
        self,
        limit: int,
        cursor: Cursor,
        columns: RowColumns = WHOLE,
        budget: Budget | None = None,
    ) -> tuple[list[Any], UUID | None]:
        rows: list[Any] = []

        def take(found: Select[Any]) -> int:
            part = found.subquery()
            order = cursor.order(part.c.id)
            some = select(part).order_by(order).limit(limit - len(rows))
            more = columns.read(self.session, with_actors(some, columns, cursor))
            rows.extend(more)
            return len(more)

        budget = budget or Budget()
        reached = self._read(columns.of_event, limit, take, budget, cursor, in_order=True)
        return rows, None if len(rows) >= limit else reached

    def condition(self) -> ColumnElement[bool]:
        return self._logs.condition()

    def ordered(self, columns: Columns) -> Select[Any]:
        """Select all logs' events in one statement, and sort them."""
        found = self._logs.scan([*columns, events.c.id.label("merge_id")]).subquery("scan")
        chosen = [column for column in found.c if column.name != "merge_id"]
        return select(*chosen).order_by(found.c.merge_id.desc())

    def every(self, columns: Columns) -> list[Select[Any]]:
        return [self._logs.scan(columns)]

    def share(self, cap: int) -> int:
        return max(1, cap // len(self.workspace_ids))

    def sample(self, columns: Columns, per_log: int) -> Sample:
        found = self._logs.scan([events.c.id, *columns], limit=per_log)
        return Sample([found], cut=True, whole_below=per_log)

    def read_sample(self, columns: Columns, cap: int, take: Take) -> UUID | None:
        return self._read(columns, cap, take, Budget())

    def read_steps(self, columns: Columns, enough: int, take: Take, budget: Budget) -> UUID | None:
        return self._read(columns, enough, take, budget)

    def _read(
        self,
        columns: Columns,
        enough: int,
        take: Take,
        budget: Budget,
        cursor: Cursor = NEWEST,
        *,
        in_order: bool = False,
    ) -> UUID | None:
        """Hand matching events to ``take`` until ``enough``; the id reached, None at the end.

        Few events are fetched wherever they are, others are scanned window by window. A read in
        order tries one window first, as most pages end there.
        """
        if not in_order and self._take_few(columns, take, cursor):
            return None
        bounded = not in_order or not self._logs.served
        windows = Windows(self._logs, self.event_filter.period, cursor, budget, bounded=bounded)
        found, sought = 0, not in_order
        for window in windows:
            wanted = enough - found
            limit = wanted if in_order else None
            with budget.timed():
                some = take(self._logs.scan(columns, window.cursor, window.reached, limit=limit))
            found += some
            if found >= enough or window.reached is None:
                return window.reached
            if not sought and self._take_few(columns, take, cursor.moved(window.reached)):
                return None
            if bounded and budget.spent:
                return window.reached
            sought = True
            windows.grow(some if in_order else 0, wanted)
        return None

    def _take_few(self, columns: Columns, take: Take, cursor: Cursor) -> bool:
        keys = self._logs.find_few(cursor)
        if keys is not None:
            take(self._logs.fetch(columns, keys))
        return keys is not None
