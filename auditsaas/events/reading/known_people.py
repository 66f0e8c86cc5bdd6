"""Finds actors by what is typed of their names, bounded however many of them there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Column,
    Select,
    TableValuedAlias,
    Uuid,
    func,
    literal,
    select,
    true,
    union,
)
from sqlalchemy.orm import Session

from auditsaas.events.folding import fold
from auditsaas.events.models import actor_emails, actor_names, actors
from auditsaas.events.reading.facets import KnownActor, find_actors, known_actors

FEW: Final = 5_000
"""Actors that are looked through for words inside their names."""

_LAST: Final = "\U0010ffff"
"""Sorts behind every text that goes on otherwise."""


@dataclass(frozen=True)
class FoundPeople:
    people: Sequence[KnownActor]
    beginnings_only: bool
    """There are too many actors to look inside of their names."""


def find_people(
    session: Session, workspace_ids: Sequence[UUID], words: str, limit: int
) -> FoundPeople:
    """Find actors by words of their name, address or id, those that begin with them first.

    Of logs that have more than ``FEW`` actors together, only beginnings are found, by index.
    """
    many = select(actors.c.id).where(actors.c.workspace_id.in_(workspace_ids)).offset(FEW).limit(1)
    if not workspace_ids or not words:
        return FoundPeople((), beginnings_only=False)
    if session.scalar(many) is None:
        found = find_actors(session, workspace_ids, words, limit)
        return FoundPeople(found, beginnings_only=False)
    places = session.execute(_beginning(workspace_ids, words, limit)).all()
    known = known_actors(session, workspace_ids, [row.actor_id for row in places])
    meant = {(row.workspace_id, row.actor_id) for row in places}
    people = [one for one in known if (one.workspace_id, one.id) in meant]
    people.sort(key=lambda one: (fold(one.label), one.id))
    return FoundPeople(people[:limit], beginnings_only=True)


def _beginning(workspace_ids: Sequence[UUID], words: str, limit: int) -> Select[Any]:
    """Select whose name, address or id begins with the words, a few of each index and log."""
    listed = func.unnest(literal(list(workspace_ids), ARRAY(Uuid)))
    within = listed.table_valued("id", name="log").render_derived()
    typed = fold(words)
    ways = [
        _range(within, actor_names.c.name, actor_names.c.actor_id, typed, limit),
        _range(within, actor_emails.c.email, actor_emails.c.actor_id, typed, limit),
        _range(within, actors.c.id, actors.c.id, words, limit),
    ]
    found = union(*ways).lateral("found")
    return select(within.c.id.label("workspace_id"), found.c.actor_id).select_from(
        within.join(found, true())
    )


def _range(
    log: TableValuedAlias, text: Column[str], actor: Column[str], words: str, limit: int
) -> Select[Any]:
    """Select the actors of a log in the order of an index, from the first that begins so."""
    here = text.table.c.workspace_id == log.c.id
    found = select(actor.label("actor_id")).where(here, text >= words, text < words + _LAST)
    return found.order_by(text).limit(limit).correlate(log)
