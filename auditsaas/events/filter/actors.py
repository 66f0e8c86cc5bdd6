"""Resolves a filter's user, role and user status: each workspace has actors of its own.

While they are few, they are listed, and the index of what each did finds their events. A log of an
application's customers may have millions of them; then each event's own actor is looked up.
"""

from __future__ import annotations

from collections import Counter
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
    and_,
    any_,
    column,
    func,
    literal,
    not_,
    select,
)
from sqlalchemy.orm import Session

from auditsaas.events.conditions import among
from auditsaas.events.filter.event_filter import OF_ACTORS, EventFilter
from auditsaas.events.filter.to_sql import ResolvedActors, written_conditions
from auditsaas.events.filter.written import AsWritten
from auditsaas.events.folding import equals, fold, words_folded
from auditsaas.events.models import actor_emails, actor_names, actors, events
from auditsaas.events.search.parser import Term

MANY_ACTORS = 1_000
"""Up to this many are listed; of more, events are asked."""

Condition = ColumnElement[bool]


@dataclass(frozen=True)
class ActorsMeant:
    """The actors matching a user, role and user status, or all others."""

    asked: EventFilter
    negated: bool = False


def resolve(
    session: Session, workspace_id: UUID, event_filter: EventFilter, actor_id: str | None = None
) -> ResolvedActors:
    """Resolve the actors of a filter and its search terms in one workspace.

    With ``actor_id``, the filter itself means that actor alone: one of those it was split into.
    """
    acted: Condition | None = None
    indexed = True
    if actor_id is not None:
        acted = events.c.actor_id == actor_id
    elif event_filter.names_actors:
        acted, indexed = _acted(session, workspace_id, event_filter)
    by_term = {
        term: _acted(session, workspace_id, _of_term(term))[0]
        for term in event_filter.terms
        if _asks_actors(term)
    }
    return ResolvedActors(acted, indexed, by_term)


def _acted(
    session: Session, workspace_id: UUID, event_filter: EventFilter
) -> tuple[Condition, bool]:
    """Build the condition for user, role and user status, and tell whether an index serves it."""
    if event_filter.as_written is not None:
        return _written(session, workspace_id, event_filter)
    listed = actor_pairs(session, [workspace_id], event_filter)
    if listed is None:
        return acted_condition(session, [workspace_id], ActorsMeant(event_filter)), False
    return among(events.c.actor_id, [actor for _, actor in listed]), True


def _written(
    session: Session, workspace_id: UUID, event_filter: EventFilter
) -> tuple[Condition, bool]:
    """Build the condition on what events say of people; a user by name is one that is known now."""
    wanted, indexed = written_conditions(event_filter)
    if event_filter.user and event_filter.as_written == AsWritten():
        known, indexed = _acted(session, workspace_id, EventFilter(user=event_filter.user))
        wanted.append(known)
    return and_(*wanted), indexed


def _of_term(term: Term) -> EventFilter:
    wanted: dict[str, Any] = {str(term.key): tuple(term.values)}
    return EventFilter(**wanted)


def _asks_actors(term: Term) -> bool:
    return term.key in OF_ACTORS


def split_actor_terms(event_filter: EventFilter) -> tuple[EventFilter, list[ActorsMeant]]:
    """Split a filter into its part without actors and the actors of its search terms."""
    plain = event_filter
    for name in OF_ACTORS:
        plain = plain.without(name)
    people = [
        ActorsMeant(_of_term(term), term.negated) for term in plain.terms if _asks_actors(term)
    ]
    others = tuple(term for term in plain.terms if not _asks_actors(term))
    return replace(plain, terms=others), people


def actor_pairs(
    session: Session,
    workspace_ids: Sequence[UUID],
    event_filter: EventFilter,
    most: int | None = None,
) -> list[tuple[UUID, str]] | None:
    """Select workspace and id of the actors matching a filter; None where they exceed the limit."""
    most = MANY_ACTORS if most is None else most
    found = (
        select(actors.c.workspace_id, actors.c.id)
        .where(
            actors.c.workspace_id == any_(literal(list(workspace_ids), ARRAY(Uuid))),
            *_actors_matching(session, workspace_ids, event_filter),
        )
        .limit(most + 1)
    )
    rows = session.execute(found).all()
    return None if len(rows) > most else [(row.workspace_id, row.id) for row in rows]


def acted_condition(
    session: Session, workspace_ids: Sequence[UUID], meant: ActorsMeant
) -> Condition:
    """Build the same condition as a per-event lookup, for filters with too many actors to list."""
    found = (
        select(1)
        .select_from(actors)
        .where(
            actors.c.workspace_id == events.c.workspace_id,
            actors.c.id == events.c.actor_id,
            *_actors_matching(session, workspace_ids, meant.asked),
        )
        .offset(0)  # a plan that begins with everybody's actors is none: this keeps it a lookup
        .correlate(events)
        .exists()
    )
    return not_(found) if meant.negated else found


def _actors_matching(
    session: Session, workspace_ids: Sequence[UUID], event_filter: EventFilter
) -> list[Condition]:
    """Build the conditions on the actors table that a filter's actors meet."""
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
    """Build the condition for actors with one of these ids or names, or addresses they ever had."""
    named = [(of, actor) for of, actor, _ in called(session, workspace_ids, users)]
    named += product(workspace_ids, users)
    listed = func.unnest(
        literal([workspace for workspace, _ in named], ARRAY(Uuid)),
        literal([actor for _, actor in named], ARRAY(Text)),
    ).table_valued(column("workspace_id", Uuid), column("actor_id", Text))
    rows = select(*listed.render_derived(name="named").c)
    return func.row(actors.c.workspace_id, actors.c.id).in_(rows)


def called(
    session: Session, workspace_ids: Sequence[UUID], users: Sequence[str]
) -> list[tuple[UUID, str, str]]:
    """Find whose name now, or address ever, is one of these, in any case and spelling.

    Each with the workspace, the actor's id, and the text as it is compared.
    """
    within = literal(list(workspace_ids), ARRAY(Uuid))
    by_address = select(
        actor_emails.c.workspace_id, actor_emails.c.actor_id, actor_emails.c.email.label("key")
    ).where(
        actor_emails.c.workspace_id == any_(within),
        actor_emails.c.email.in_([func.left(words_folded(user), 320) for user in users]),
    )
    by_name = (
        select(actor_names.c.workspace_id, actor_names.c.actor_id, actor_names.c.name)
        .join(
            actors,
            and_(
                actors.c.workspace_id == actor_names.c.workspace_id,
                actors.c.id == actor_names.c.actor_id,
            ),
        )
        .where(
            actor_names.c.workspace_id == any_(within),
            actors.c.workspace_id == any_(within),
            actor_names.c.name.in_([func.left(words_folded(user), 256) for user in users]),
            equals(actors.c.name, users),
        )
    )
    found = session.execute(by_address.union(by_name))
    return [(row.workspace_id, row.actor_id, row.key) for row in found]


def count_people(
    session: Session,
    workspace_ids: Sequence[UUID],
    users: Sequence[str],
    *,
    shares: Counter[UUID] | None = None,
) -> dict[str, int]:
    """Count the actors that each of these ids, names and addresses means."""
    exact = select(actors.c.id).where(
        actors.c.workspace_id == any_(literal(list(workspace_ids), ARRAY(Uuid))),
        actors.c.id.in_(users),
    )
    ids = set(session.scalars(exact))
    people = {user: {user} & ids for user in users}
    for of, actor, key in called(session, workspace_ids, users):
        if shares is not None:
            shares[of] += 1
        for user in users:
            if key in (fold(user)[:320], fold(user)[:256]):
                people[user].add(actor)
    return {user: len(ids) for user, ids in people.items()}
