"""Reads the logs of a few workspaces: each by index scans of its own, merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, or_, select, union_all
from sqlalchemy.orm import Session

from auditsaas.events.filter.event_filter import EMPTY, EventFilter
from auditsaas.events.models import events
from auditsaas.events.reading.scans import whole_log
from auditsaas.events.reading.scans.budget import Budget
from auditsaas.events.reading.scans.cursor import Cursor, first
from auditsaas.events.reading.scans.event_rows import WHOLE, RowColumns, merged, with_actors
from auditsaas.events.reading.scans.index_scan import IndexScan, branches, index_scans
from auditsaas.events.reading.scans.sample import Sample, Take

Columns = Sequence[ColumnElement[Any]]


@dataclass(frozen=True)
class FewWorkspaces:
    """One filter over few workspaces; its actors are resolved when it is read."""

    session: Session
    workspace_ids: Sequence[UUID]
    event_filter: EventFilter
    snapshot: Mapping[UUID, int] | None = None
    since: Mapping[UUID, int] | None = None

    def page(
        self,
        limit: int,
        cursor: Cursor,
        columns: RowColumns = WHOLE,
        budget: Budget | None = None,
    ) -> tuple[list[Any], UUID | None]:
        if len(self.workspace_ids) == 1 and self.event_filter == EMPTY:
            [own] = self.workspace_ids
            return whole_log.page(self.session, own, limit, cursor, columns), None
        scans = branches(self.session, self.workspace_ids, self.event_filter)
        if any(scan.checked for scan in scans):
            return self._search(scans, limit, cursor, columns, budget or Budget())
        return self._merged(scans, limit, cursor, None, columns), None

    def condition(self) -> ColumnElement[bool]:
        return or_(*(and_(*scan.indexed, *scan.checked) for scan in self._scans()))

    def ordered(self, columns: Columns) -> Select[Any]:
        """Scan each workspace by its own index and merge the scans, without a sort."""
        selects = self.every(columns)
        if len(selects) == 1:
            return selects[0].order_by(events.c.id.desc())
        merged = union_all(*(part.add_columns(events.c.id.label("merge_id")) for part in selects))
        scan = merged.subquery("scan")
        chosen = [column for column in scan.c if column.name != "merge_id"]
        return select(*chosen).order_by(scan.c.merge_id.desc())

    def every(self, columns: Columns) -> list[Select[Any]]:
        return [scan.matching(columns) for scan in self._scans()]

    def share(self, cap: int) -> int:
        return cap

    def sample(self, columns: Columns, per_log: int) -> Sample:
        found = [scan.newest(self.session, columns, per_log) for scan in self._scans()]
        cut = any(reached is not None for _, reached in found)
        return Sample([part for part, _ in found], cut)

    def read_sample(self, columns: Columns, cap: int, take: Take) -> UUID | None:
        ends = []
        for scan in self._scans():
            found, reached = scan.newest(self.session, columns, cap)
            take(found)
            if reached is not None:
                ends.append(reached)
        return max(ends, default=None)

    def read_steps(self, columns: Columns, enough: int, take: Take, budget: Budget) -> UUID | None:
        found = 0
        for scan in self._scans():
            reached: UUID | None = None
            for cursor, reached in scan.steps(self.session, budget):
                part = scan.matching(columns, cursor, reached).limit(first(enough - found))
                with budget.timed():
                    found += take(part)
                if found >= enough:
                    return reached
            if reached is not None:
                return reached
        return None

    def _scans(self) -> list[IndexScan]:
        return index_scans(
            self.session, self.workspace_ids, self.event_filter, self.snapshot, self.since
        )

    def _search(
        self,
        scans: list[IndexScan],
        limit: int,
        cursor: Cursor,
        columns: RowColumns,
        budget: Budget,
    ) -> tuple[list[Any], UUID | None]:
        """Read rows that meet conditions no index knows, step by step while time is left."""
        rows: list[Any] = []
        while True:
            bounds = [scan.horizon(self.session, cursor, budget.step) for scan in scans]
            # A merged page is complete only as far as the scan that came least far.
            reached = cursor.nearest([bound for bound in bounds if bound is not None])
            with budget.timed():
                rows += self._merged(scans, limit - len(rows), cursor, reached, columns)
            if len(rows) >= limit or reached is None:
                return rows, None
            if budget.spent:
                return rows, reached
            cursor = cursor.moved(reached)

    def _merged(
        self,
        scans: list[IndexScan],
        limit: int,
        cursor: Cursor,
        reached: UUID | None,
        columns: RowColumns,
    ) -> list[Any]:
        """Read the next rows of all scans, merged; ``reached`` (inclusive) bounds them."""
        if not scans:
            return []
        order = cursor.order(events.c.id)
        parts = [
            scan.matching(columns.of_event, cursor, reached).order_by(order).limit(first(limit))
            for scan in scans
        ]
        found = parts[0] if len(parts) == 1 else merged(parts, cursor, limit)
        of = {scan.workspace_id for scan in scans}
        return columns.read(self.session, with_actors(found, columns, cursor, of))
