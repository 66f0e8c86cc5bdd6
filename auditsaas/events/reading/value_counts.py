"""Counts the values of several fields of the events themselves, in one pass over them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, select, tuple_
from sqlalchemy.orm import Session

from auditsaas.events.filter.event_filter import FILTERS, OF_ACTORS, EventFilter
from auditsaas.events.models import actors, events
from auditsaas.events.reading.scans.sample import Sample
from auditsaas.events.reading.scans.source import answers_at_once, source

ACTOR = "actor"
WORKSPACE = "of_workspace"


def tally(
    session: Session,
    ids: Sequence[UUID],
    event_filter: EventFilter,
    names: Sequence[str],
    cap: int | None,
) -> tuple[dict[str, Counter[Any]], bool]:
    """Count the values of several fields in one pass over each workspace's newest ``cap`` events.

    With them comes whether that was all of them.
    """
    counted: dict[str, Counter[Any]] = {name: Counter() for name in names}
    keys = [name for name in names if name not in OF_ACTORS]
    columns = [_column(name).label(name) for name in keys]
    if len(keys) < len(names):
        keys.append(ACTOR)
        columns += [events.c.actor_id.label(ACTOR), events.c.workspace_id.label(WORKSPACE)]
    logs = source(session, ids, event_filter)
    sample = (
        Sample(logs.every(columns), cut=False)
        if cap is None
        else logs.sample(columns, logs.share(cap))
    )
    for part in sample.parts:
        for row in session.execute(_grouped(part, keys, ids)):
            # GROUPING() has a bit for each field, the first the highest, 0 where it is grouped by.
            key = keys[len(keys) - (~row.which & (1 << len(keys)) - 1).bit_length()]
            if key == ACTOR:
                _add_actor(counted, row)
            else:
                counted[key][row._mapping[key]] += int(row.n)
    return counted, sample.holds_all(counted[names[0]].total())


def _column(name: str) -> ColumnElement[Any]:
    column = FILTERS[name].column
    if column is None:
        raise LookupError(f"The events hold no values of {name}.")
    return column


def _grouped(part: Select[Any], keys: Sequence[str], ids: Sequence[UUID]) -> Select[Any]:
    """Select the number of events of each value, with what is known now of an actor."""
    cells = part.subquery()
    sets = [
        tuple_(cells.c[key], cells.c[WORKSPACE]) if key == ACTOR else tuple_(cells.c[key])
        for key in keys
    ]
    which = func.grouping(*(cells.c[key] for key in keys)).label("which")
    shown = [cells.c[key] for key in keys]
    if ACTOR not in keys:
        return select(*shown, which, func.count().label("n")).group_by(func.grouping_sets(*sets))
    shown.append(cells.c[WORKSPACE])
    counts = (
        select(*shown, which, func.count().label("n"))
        .group_by(func.grouping_sets(*sets))
        .subquery()
    )
    same = and_(
        actors.c.workspace_id == counts.c[WORKSPACE],
        actors.c.id == counts.c[ACTOR],
        # A list of very many would be gone through for every actor.
        *([actors.c.workspace_id.in_(ids)] if answers_at_once(ids) else ()),
    )
    return select(counts, actors.c.role, actors.c.status).select_from(
        counts.outerjoin(actors, same)
    )


def _add_actor(counted: dict[str, Counter[Any]], row: Any) -> None:
    for name in OF_ACTORS:
        of_actor = FILTERS[name].of_actor
        if name in counted and of_actor is not None:
            counted[name][of_actor(row)] += int(row.n)
