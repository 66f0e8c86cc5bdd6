"""Builds the SQL conditions of a filter: what an index serves, and what is checked row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import func

from auditsaas.db.ids import first_id_at, first_id_of, milliseconds_since_epoch
from auditsaas.events.conditions import among
from auditsaas.events.filter.event_filter import FILTERS, EventFilter
from auditsaas.events.filter.fields import Condition
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.models import events
from auditsaas.events.search.parser import Term
from auditsaas.events.search.to_sql import condition


@dataclass(frozen=True)
class ResolvedActors:
    """A filter's user, role and user status, resolved to actors before conditions are built.

    ``acted`` is the event's condition for the filter's own fields, None where it has none of them;
    ``indexed`` says whether an index serves it. ``by_term`` has those of the search box's terms.
    """

    acted: Condition | None = None
    indexed: bool = True
    by_term: Mapping[Term, Condition] = field(default_factory=dict)


NO_ACTORS = ResolvedActors()


def conditions(
    event_filter: EventFilter, actors: ResolvedActors = NO_ACTORS
) -> tuple[list[Condition], list[Condition]]:
    """Build what an event must meet, besides its workspace: what an index serves, and the rest.

    ``actors`` is what the filter means of people, where it names any.
    """
    indexed = list(period_conditions(event_filter.period))
    checked: list[Condition] = []
    if actors.acted is not None:
        (indexed if actors.indexed else checked).append(actors.acted)
    for name, known in FILTERS.items():
        value = getattr(event_filter, name)
        if known.condition is None or value in ((), None):
            continue
        wanted = known.condition(value)
        if wanted is not None:
            (indexed if known.is_indexed(value) else checked).append(wanted)
    checked += [condition(term, actors.by_term.get(term)) for term in event_filter.terms]
    return indexed, checked


def written_conditions(event_filter: EventFilter) -> tuple[list[Condition], bool]:
    """Build the conditions on what events say of people; tell whether an index serves them."""
    field = event_filter.as_written.user if event_filter.as_written else None
    wanted = [
        known.written.condition(getattr(event_filter, name))
        for name, known in FILTERS.items()
        if known.written and known.written.condition and getattr(event_filter, name)
    ]
    if event_filter.user and field == "actor.id":
        wanted.append(among(events.c.actor_id, event_filter.user))
    elif event_filter.user and field == "actor.email":
        address = func.lower(events.c.actor_email.collate("C"))
        wanted.append(address.in_([value.lower() for value in event_filter.user]))
    return wanted, field == "actor.id"


def period_conditions(period: TimeRange) -> Iterator[Condition]:
    """Build the period as a range of ids, since an event's id is its time (to the millisecond)."""
    if period.start is not None:
        yield events.c.id >= first_id_at(period.start)
        if milliseconds_since_epoch(period.start)[1]:
            yield events.c.occurred_at >= period.start
    if period.end is not None:
        whole, part = milliseconds_since_epoch(period.end)
        if part:
            yield events.c.id < first_id_of(whole + 1)
            yield events.c.occurred_at < period.end
        else:
            yield events.c.id < first_id_at(period.end)
