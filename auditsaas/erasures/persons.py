"""Finds the person that an erasure is to be about, and their events in one log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas.errors import FieldError, InvalidFields
from auditsaas.events.folding import fold
from auditsaas.events.models import actor_emails, actors, events, log_heads

NO_PERSONS = ("api_key:", "schedule:")
"""How the ids of actors begin that are no persons."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """A person as one log knows them, with their events in it."""

    id: str
    name: str | None
    email: str | None
    events: int
    first_at: datetime
    last_at: datetime
    sample: UUID
    """The newest of the events."""
    up_to: int
    """The log's newest number when it was looked."""


def find(session: Session, workspace_id: UUID, typed: str) -> Person:
    """Find the person of an actor's id, or of an address that only they ever had.

    Raises:
        InvalidFields: there is none, or several, or it is no person.
    """
    typed = typed.strip()
    if not typed:
        raise _refused("Give the id of a person, as their events have it.")
    if typed == "system" or typed.startswith(NO_PERSONS):
        raise _refused("This is no person but a part of the product.")
    person = _of_id(session, workspace_id, typed)
    if person is not None:
        return person
    ids = _ids_of_address(session, workspace_id, typed)
    if len(ids) > 1:
        raise _refused(f"Several had this address. Give one id: {', '.join(sorted(ids)[:5])}.")
    person = _of_id(session, workspace_id, ids[0]) if ids else None
    if person is None:
        raise _refused("This log has no event of that person.")
    return person


def _of_id(session: Session, workspace_id: UUID, person: str) -> Person | None:
    theirs = (events.c.workspace_id == workspace_id, events.c.actor_id == person)
    head = select(log_heads.c.seq).where(log_heads.c.workspace_id == workspace_id)
    up_to = session.scalar(head) or 0
    counted = session.execute(
        select(func.count(), func.min(events.c.occurred_at), func.max(events.c.occurred_at)).where(
            *theirs, events.c.seq <= up_to
        )
    ).one()
    if not counted[0]:
        return None
    newest = select(events.c.id).where(*theirs, events.c.seq <= up_to)
    sample = session.scalars(newest.order_by(events.c.id.desc()).limit(1)).one()
    known = session.execute(
        select(actors.c.name, actors.c.email).where(
            actors.c.workspace_id == workspace_id, actors.c.id == person
        )
    ).one_or_none()
    return Person(
        id=person,
        name=known.name if known else None,
        email=known.email if known else None,
        events=counted[0],
        first_at=counted[1],
        last_at=counted[2],
        sample=sample,
        up_to=up_to,
    )


def _ids_of_address(session: Session, workspace_id: UUID, typed: str) -> Sequence[str]:
    return session.scalars(
        select(actor_emails.c.actor_id).where(
            actor_emails.c.workspace_id == workspace_id, actor_emails.c.email == fold(typed)
        )
    ).all()


def _refused(words: str) -> InvalidFields:
    return InvalidFields([FieldError("person", words)])
