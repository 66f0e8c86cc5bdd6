"""Who a filter means, where it is asked of very many workspaces: each has actors of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    or_,
    select,
)
from sqlalchemy.orm import Session

from auditsaas.events.filters import EventFilter
from auditsaas.events.models import actor_emails, actors, events

MANY_ACTORS = 1_000
"""Up to this many are probed each by the index of what they did; of more, events are asked."""

FIELDS = ("user", "role", "user_status")

Condition = ColumnElement[bool]


@dataclass(frozen=True)
class Person:
    """Whoever the user, role and user status of a filter mean, or everybody else."""

    asked: EventFilter
    negated: bool = False


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
    session: Session, workspace_ids: Sequence[UUID], event_filter: EventFilter
) -> list[tuple[UUID, str]] | None:
    """Workspace and id of the actors that a filter means; None where they are very many."""
    found = (
        select(actors.c.workspace_id, actors.c.id)
        .where(
            actors.c.workspace_id == any_(literal(list(workspace_ids), ARRAY(Uuid))),
            *_meant(session, workspace_ids, event_filter),
        )
        .limit(MANY_ACTORS + 1)
    )
    rows = session.execute(found).all()
    return None if len(rows) > MANY_ACTORS else [(row.workspace_id, row.id) for row in rows]


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
    by_address = select(actor_emails.c.workspace_id, actor_emails.c.actor_id).where(
        actor_emails.c.workspace_id == any_(literal(list(workspace_ids), ARRAY(Uuid))),
        actor_emails.c.email.in_([value.lower() for value in users]),
    )
    known = session.execute(by_address).all()
    named = func.unnest(
        literal([row.workspace_id for row in known], ARRAY(Uuid)),
        literal([row.actor_id for row in known], ARRAY(Text)),
    ).table_valued(column("workspace_id", Uuid), column("actor_id", Text))
    listed = select(*named.render_derived(name="named").c)
    return or_(actors.c.id.in_(users), func.row(actors.c.workspace_id, actors.c.id).in_(listed))
