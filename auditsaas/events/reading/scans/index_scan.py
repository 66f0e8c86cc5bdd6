"""Index scans: which conditions of a filter an index serves, and which are checked row by row.

A scan whose every condition an index serves is simply read. One with conditions that no index
knows (text, metadata, response time) is read in bounded steps, newest first, so that an answer
comes within about a second, however little it has found by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from auditsaas.events.filter.actors import actor_pairs, resolve
from auditsaas.events.filter.event_filter import FILTERS, EventFilter
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.filter.to_sql import conditions
from auditsaas.events.models import events
from auditsaas.events.reading.scans.budget import Budget
from auditsaas.events.reading.scans.cursor import NEWEST, Cursor, first

MAX_BRANCHES = 12
"""The most index scans of a page; beyond it one scan with alternatives is cheaper."""

Condition = ColumnElement[bool]


@dataclass(frozen=True)
class IndexScan:
    """One workspace's events: ``indexed`` conditions name the workspace and order the scan."""

    workspace_id: UUID
    indexed: list[Condition]
    checked: list[Condition]

    def matching(
        self,
        columns: Sequence[ColumnElement[Any]],
        cursor: Cursor = NEWEST,
        reached: UUID | None = None,
    ) -> Select[Any]:
        """Select the events within the bounds that meet all conditions, in no order."""
        return select(*columns).where(*self.indexed, *self.checked, *cursor.within(reached))

    def in_order(self, columns: Sequence[ColumnElement[Any]], cursor: Cursor) -> Select[Any]:
        """Select the events beyond the cursor in order, by the indexed conditions only."""
        found = select(*columns).where(*self.indexed, *cursor.within())
        return found.order_by(cursor.order(events.c.id))

    def horizon(self, session: Session, cursor: Cursor, step: int) -> UUID | None:
        """Find the id that a step of this many events ends at; None where the scan ends before."""
        found = self.in_order([events.c.id], cursor).offset(first(step - 1)).limit(first(1))
        reached: UUID | None = session.scalar(found)
        return reached

    def steps(self, session: Session, budget: Budget) -> Iterator[tuple[Cursor, UUID | None]]:
        """Yield the bounds (beyond, down to) of each step, newest first, while time is left.

        The last bound of a scan that was finished is None.
        """
        cursor = NEWEST
        while True:
            reached = self.horizon(session, cursor, budget.step)
            yield cursor, reached
            if reached is None or budget.spent:
                return
            cursor = cursor.moved(reached)

    def newest(
        self, session: Session, columns: Sequence[ColumnElement[Any]], cap: int
    ) -> tuple[Select[Any], UUID | None]:
        """Select the matches within the newest ``cap`` rows of the scan.

        With them comes the id that it ends at, None where the scan is no longer than that.
        """
        reached = self.horizon(session, NEWEST, cap)
        return self.matching(columns, reached=reached), reached


def index_scans(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    snapshot: Mapping[UUID, int] | None = None,
    since: Mapping[UUID, int] | None = None,
) -> list[IndexScan]:
    """Build the scan of each workspace, every one naming it.

    With ``since``, a second one over what occurred before the filter's period and arrived late:
    after the sequence number that the report before ended at.
    """
    start = event_filter.period.start
    found = []
    for workspace_id in workspace_ids:
        actors = resolve(session, workspace_id, event_filter)
        own = events.c.workspace_id == workspace_id
        upto = [] if snapshot is None else [events.c.seq <= snapshot[workspace_id]]
        indexed, checked = conditions(event_filter, actors)
        found.append(IndexScan(workspace_id, [own, *indexed], [*checked, *upto]))
        if since is not None and start is not None:
            earlier = event_filter.with_period(TimeRange(None, start))
            indexed, checked = conditions(earlier, actors)
            late = events.c.seq > since[workspace_id]
            found.append(IndexScan(workspace_id, [own, *indexed], [*checked, late, *upto]))
    return found


def branches(
    session: Session, workspace_ids: Sequence[UUID], event_filter: EventFilter
) -> list[IndexScan]:
    """Split the scans further, one a value, where an index is ordered only below a single value."""
    alternatives = _alternatives(event_filter)
    if len(workspace_ids) * len(alternatives) > MAX_BRANCHES:
        alternatives = [event_filter]
    if alternatives == [event_filter]:
        split = _one_an_actor(session, workspace_ids, event_filter)
        if split is not None:
            return split
    return [
        scan
        for workspace_id, alternative in product(workspace_ids, alternatives)
        for scan in index_scans(session, [workspace_id], alternative)
    ]


def _alternatives(event_filter: EventFilter) -> list[EventFilter]:
    """Split a filter into filters of one activity or one address each, to be merged.

    An index by activity is ordered by time only below a single activity; a few ordered scans
    beat one sort of everything that any of them matches.
    """
    for name, known in FILTERS.items():
        values = getattr(event_filter, name)
        if known.splits is not None and len(values) > 1 and known.splits(values):
            singles: list[dict[str, Any]] = [{name: (value,)} for value in values]
            return [replace(event_filter, **single) for single in singles]
    return [event_filter]


def _one_an_actor(
    session: Session, workspace_ids: Sequence[UUID], event_filter: EventFilter
) -> list[IndexScan] | None:
    """Build a scan for each actor that the filter matches; None where it matches none, or many."""
    if not event_filter.names_actors:
        return None
    pairs = actor_pairs(session, workspace_ids, event_filter, MAX_BRANCHES)
    if not pairs:
        return None
    found = []
    for workspace_id, actor_id in pairs:
        actors = resolve(session, workspace_id, event_filter, actor_id)
        indexed, checked = conditions(event_filter, actors)
        own = events.c.workspace_id == workspace_id
        found.append(IndexScan(workspace_id, [own, *indexed], checked))
    return found
