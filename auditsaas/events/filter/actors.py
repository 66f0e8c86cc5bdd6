"""Who a filter's user, role and user status mean: each workspace has actors of its own.

While they are few, they are listed, and the index of what each did finds their events. A log of an
application's customers may have millions of them; then each event's own actor is looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Text,
    Uuid,
    any_,
    column,
    func,
    literal,
    not_,
    select,
)
from sqlalchemy.orm import Session

from auditsaas.events.conditions import among
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.models import actor_emails, actors, events

MANY_ACTORS = 1_000
"""Up to this many are listed; of more, events are asked."""

FIELDS = ("user", "role", "user_status")

Condition = ColumnElement[bool]


@dataclass(frozen=True)
class Person:
    """Whoever the user, role and user status of a filter mean, or everybody else."""

    asked: EventFilter
    negated: bool = False


def meant(
    session: Session, workspace_id: UUID, event_filter: EventFilter
) -> tuple[Condition, bool]:
    """Whether somebody whom a filter means did an event of a workspace.

    With it comes whether they are listed, so that an index serves it.
    """
    listed = pairs(session, [workspace_id], event_filter)
    if listed is None:
        return did(session, [workspace_id], Person(event_filter)), False
    return among(events.c.actor_id, [actor for _, actor in listed]), True


def apart(event_filter: EventFilter) -> tuple[EventFilter, list[Person]]:
    """The filter without what it says of actors, and the people that its search box means."""
    plain = event_filter
    for name in FIELDS:
        plain = plain.without(name)
    people = []
    for term in plain.terms:
        if term.key in FIELDS:
            wanted: dict[str, Any] = {term.key: tuple(term.values)}
            people.append(Person(EventFilter(**wanted), term.negated))
    others = tuple(term for term in plain.terms if term.key not in FIELDS)
    return replace(plain, terms=others), people


def pairs(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    most: int | None = None,
) -> list[tuple[UUID, str]] | None:
    """Workspace and id of the actors that a filter means; None where there are more."""
    most = MANY_ACTORS if most is None else most
    found = (
        select(actors.c.workspace_id, actors.c.id)
        .where(
            actors.c.workspace_id == any_(literal(list(workspace_ids), ARRAY(Uuid))),
            *_meant(session, workspace_ids, event_filter),
        )
        .limit(most + 1)
    )
    rows = session.execute(found).all()
    return None if len(rows) > most else [(row.workspace_id, row.id) for row in rows]


def did(session: Session, workspace_ids: Sequence[UUID], person: Person) -> Condition:
    """Whether somebody who is meant did the event; nobody need be listed for that."""
    found = (
        select(1)
        .select_from(actors)
        .where(
            actors.c.workspace_id == events.c.workspace_id,
            actors.c.id == events.c.actor_id,
            *_meant(session, workspace_ids, person.asked),
        )
        .offset(0)  # a plan that begins with everybody's actors is none: this keeps it a lookup
        .correlate(events)
        .exists()
    )
    return not_(found) if person.negated else found


def _meant(
    session: Session, workspace_ids: Sequence[UUID], event_filter: EventFilter
) -> list[Condition]:
    """What an actor must meet."""
    wanted: list[Condition] = []
    if event_filter.user:
        wanted.append(_named(session, workspace_ids, event_filter.user))
    if event_filter.role:
        wanted.append(actors.c.role.in_(event_filter.role))
    if len(event_filter.user_status) == 1:
        disabled = actors.c.status.is_not_distinct_from("disabled")
        wanted.append(disabled if event_filter.user_status[0] == "disabled" else ~disabled)
    return wanted


def _named(session: Session, workspace_ids: Sequence[UUID], users: Sequence[str]) -> Condition:
    """Whether an actor has one of these ids, or had one of them as an e-mail address."""
    by_address = select(actor_emails.c.workspace_id, actor_emails.c.actor_id).where(
        actor_emails.c.workspace_id == any_(literal(list(workspace_ids), ARRAY(Uuid))),
        actor_emails.c.email.in_([value.lower() for value in users]),
    )
    named = [(row.workspace_id, row.actor_id) for row in session.execute(by_address)]
    named += product(workspace_ids, users)
    listed = func.unnest(
        literal([workspace for workspace, _ in named], ARRAY(Uuid)),
        literal([actor for _, actor in named], ARRAY(Text)),
    ).table_valued(column("workspace_id", Uuid), column("actor_id", Text))
    rows = select(*listed.render_derived(name="named").c)
    return func.row(actors.c.workspace_id, actors.c.id).in_(rows)
