"""Saves, finds and removes filters by name, within the session's scope."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import BindParameter, Select, or_, select, update
from sqlalchemy.orm import Session

from auditsaas.errors import Conflict, Invalid, NotFound
from auditsaas.saved_views.models import ALL_MY_WORKSPACES, SavedView

MAX_NAME = 80
MOST = 50


def visible(session: Session, place: UUID, person: UUID) -> Sequence[SavedView]:
    """List a scope's views that a person may use, their own and the shared ones, by name."""
    return session.scalars(visible_views(place, person)).all()


def visible_in(session: Session, places: Collection[UUID], person: UUID) -> Sequence[SavedView]:
    """List what ``visible`` lists of several places together, by name."""
    theirs = or_(SavedView.user_id == person, SavedView.shared)
    found = select(SavedView).where(SavedView.workspace_id.in_(places), theirs)
    return session.scalars(found.order_by(SavedView.name, SavedView.id)).all()


def visible_views(
    place: UUID | BindParameter[UUID], person: UUID | BindParameter[UUID]
) -> Select[SavedView]:
    """Select what ``visible`` lists."""
    return (
        select(SavedView)
        .where(SavedView.workspace_id == place)
        .where(or_(SavedView.user_id == person, SavedView.shared))
        .order_by(SavedView.name, SavedView.id)
    )


def save(
    session: Session,
    place: UUID,
    person: UUID,
    *,
    name: str,
    query: str,
    shared: bool,
    default: bool,
) -> SavedView:
    """Keep a filter under a name.

    Raises:
        Invalid: the name cannot be used, or a view of no single workspace is to be shared.
        Conflict: the person has a view of that name here, or too many.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise Invalid(f"A name has 1 to {MAX_NAME} printable characters.")
    if shared and place == ALL_MY_WORKSPACES:
        raise Invalid("A view over several workspaces is yours alone.")
    mine = [view for view in visible(session, place, person) if view.user_id == person]
    if any(view.name == name for view in mine):
        raise Conflict(f"You have a view called {name} already.")
    if len(mine) >= MOST:
        raise Conflict(f"A person keeps at most {MOST} views in one place.")
    if default:
        clear_default(session, place, person)
    view = SavedView(
        workspace_id=place,
        user_id=person,
        name=name,
        query=query,
        shared=shared,
        is_default=default,
    )
    session.add(view)
    session.flush()
    return view


def clear_default(session: Session, place: UUID, person: UUID) -> None:
    """Let the place open with everything again."""
    session.execute(
        update(SavedView)
        .where(SavedView.workspace_id == place, SavedView.user_id == person)
        .values(is_default=False)
    )


def remove(session: Session, place: UUID, person: UUID, view_id: UUID) -> SavedView:
    """Remove one's own view.

    Raises:
        NotFound: there is none of that id here, or it is another person's.
    """
    view = session.get(SavedView, (place, view_id))
    if view is None or view.user_id != person:
        raise NotFound("There is no such view of yours.")
    session.delete(view)
    session.flush()
    return view
