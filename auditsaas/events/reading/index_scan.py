"""How the log is walked for a filter: an ordered walk over an index, and what is then checked.

A walk whose every condition an index serves is simply read. One with conditions that no index
knows (text, metadata, response time) is read in bounded steps, newest first, so that an answer
comes within about a second, however little it has found by then.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import Session

from auditsaas.events.filter.actors import actor_pairs, resolve
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.models import events

MAX_BRANCHES = 12
"""How many index walks a page is merged from before one walk with alternatives is cheaper."""

FIRST_STEP = 5_000
LONGEST_STEP = 400_000
STEP_SECONDS = 0.15
BUDGET_SECONDS = 0.5

Condition = ColumnElement[bool]


@dataclass(frozen=True)
class Walk:
    """One workspace's events: ``indexed`` conditions name the workspace and order the walk."""

    workspace_id: UUID
    indexed: list[Condition]
    checked: list[Condition]

    @property
    def conditions(self) -> list[Condition]:
        return [*self.indexed, *self.checked]


def walks(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    snapshot: Mapping[UUID, int] | None = None,
    since: Mapping[UUID, int] | None = None,
) -> list[Walk]:
    """The walk of each workspace, every one naming it.

    With ``since``, a second one over what occurred before the filter's period and arrived late:
    after the sequence number that the report before ended at.
    """
    start = event_filter.period.start
    found = []
    for workspace_id in workspace_ids:
        people = resolve(session, workspace_id, event_filter)
        place = events.c.workspace_id == workspace_id
        upto = [] if snapshot is None else [events.c.seq <= snapshot[workspace_id]]
        indexed, checked = event_filter.conditions(people)
        found.append(Walk(workspace_id, [place, *indexed], [*checked, *upto]))
        if since is not None and start is not None:
            earlier = event_filter.with_period(TimeRange(None, start))
            indexed, checked = earlier.conditions(people)
            late = events.c.seq > since[workspace_id]
            found.append(Walk(workspace_id, [place, *indexed], [*checked, late, *upto]))
    return found


def branches(
    session: Session, workspace_ids: Sequence[UUID], event_filter: EventFilter
) -> list[Walk]:
    """Walks split further, one a value, where an index is ordered only below a single value."""
    alternatives = event_filter.alternatives()
    if len(workspace_ids) * len(alternatives) > MAX_BRANCHES:
        alternatives = [event_filter]
    if alternatives == [event_filter]:
        split = _one_a_person(session, workspace_ids, event_filter)
        if split is not None:
            return split
    return [
        walk
        for workspace_id, alternative in product(workspace_ids, alternatives)
        for walk in walks(session, [workspace_id], alternative)
    ]


def _one_a_person(
    session: Session, workspace_ids: Sequence[UUID], event_filter: EventFilter
) -> list[Walk] | None:
    """A walk for each actor that the filter means; None where it means nobody, or many."""
    if not event_filter.names_actors:
        return None
    pairs = actor_pairs(session, workspace_ids, event_filter, MAX_BRANCHES)
    if not pairs:
        return None
    found = []
    for workspace_id, actor_id in pairs:
        people = resolve(session, workspace_id, event_filter, actor_id)
        indexed, checked = event_filter.conditions(people)
        place = events.c.workspace_id == workspace_id
        found.append(Walk(workspace_id, [place, *indexed], checked))
    return found


@dataclass
class Budget:
    """Time that a bounded walk may take, and how long its next step may be."""

    seconds: float = BUDGET_SECONDS
    step: int = FIRST_STEP
    started: float = field(default_factory=time.monotonic)

    @property
    def spent(self) -> bool:
        return time.monotonic() - self.started > self.seconds

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Runs one step, and sizes the next one by how long it took."""
        started = time.monotonic()
        yield
        seconds = max(time.monotonic() - started, 0.001)
        self.step = int(min(LONGEST_STEP, max(FIRST_STEP, self.step * STEP_SECONDS / seconds)))


def stretch(
    walk: Walk, columns: Sequence[ColumnElement[Any]], edge: UUID | None, *, older: bool
) -> Select[Any]:
    """The walk's events beyond ``edge`` in order, by its indexed conditions only."""
    found = select(*columns).where(and_(*walk.indexed))
    if edge is not None:
        found = found.where(events.c.id < edge if older else events.c.id > edge)
    return found.order_by(events.c.id.desc() if older else events.c.id.asc())


def horizon(
    session: Session, walk: Walk, edge: UUID | None, step: int, *, older: bool
) -> UUID | None:
    """The id that a step of this many events ends at; None where the walk ends before."""
    reached: UUID | None = session.scalar(
        stretch(walk, [events.c.id], edge, older=older).offset(step - 1).limit(1)
    )
    return reached


def steps(
    session: Session, walk: Walk, budget: Budget
) -> Iterator[tuple[UUID | None, UUID | None]]:
    """The bounds (below, down to) of each step of a walk, newest first, while time is left.

    The last bound of a walk that was finished is None.
    """
    edge: UUID | None = None
    while True:
        reached = horizon(session, walk, edge, budget.step, older=True)
        yield edge, reached
        if reached is None or budget.spent:
            return
        edge = reached


def bounded(
    walk: Walk, below: UUID | None, down_to: UUID | None, *columns: ColumnElement[Any]
) -> Select[Any]:
    """The events of one step that meet all the walk's conditions."""
    found = select(*columns).where(and_(*walk.conditions))
    if below is not None:
        found = found.where(events.c.id < below)
    return found if down_to is None else found.where(events.c.id >= down_to)


def newest(
    session: Session, walk: Walk, cap: int, *columns: ColumnElement[Any]
) -> tuple[Select[Any], UUID | None]:
    """The matching events among the newest ``cap`` that the walk comes over.

    With them comes the id that it ends at, None where the walk is no longer than that.
    """
    reached = horizon(session, walk, None, cap, older=True)
    return bounded(walk, None, reached, *columns), reached
