"""Means people of a filter as events name them, which never changes, unlike what is known now.

An export with proof means them so: a stranger has the events alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.events.filter.actors import called
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.written import AsWritten, UserField
from auditsaas.events.models import actors


def as_written(session: Session, workspace_id: UUID, event_filter: EventFilter) -> EventFilter:
    """Return the filter that means people as the events of a workspace name them."""
    meant = AsWritten(_field_of(session, workspace_id, event_filter.user))
    return replace(event_filter, as_written=meant)


def _field_of(session: Session, workspace_id: UUID, users: Sequence[str]) -> UserField | None:
    """Choose the field of these users: their ids, or their addresses; None for a mix, or a name."""
    if not users:
        return None
    mine = actors.c.workspace_id == workspace_id
    ids = set(session.scalars(select(actors.c.id).where(mine, actors.c.id.in_(list(users)))))
    others = [user for user in users if user not in ids]
    if all("@" in user for user in others):
        return "actor.id" if not others else None if ids else "actor.email"
    if any("@" in user for user in others) or called(session, [workspace_id], others):
        return None
    return "actor.id"
