"""Saves, finds, changes and removes filters by name, within the session's scope."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BindParameter, Select, cast, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from auditsaas.errors import Conflict, Invalid, NotFound
from auditsaas.formatting.one_line import one_line
from auditsaas.saved_views.models import ALL_MY_WORKSPACES, SavedView

MAX_NAME: Final = 80
MOST: Final = 50
"""Views of one person in one place."""
MOST_SHARED: Final = 50
"""Views that are shared in one workspace, of all its people together."""


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


def find(session: Session, place: UUID, person: UUID, view_id: UUID) -> SavedView:
    """Find a view that the person may use.

    Raises:
        NotFound: there is none of that id here, or it is another person's alone.
    """
    view = session.get(SavedView, (place, view_id))
    if view is None or not (view.user_id == person or view.shared):
        raise NotFound("There is no such view here.")
    return view


def find_to_change(
    session: Session, place: UUID, person: UUID, view_id: UUID, *, is_admin: bool
) -> SavedView:
    """Find a view that the person may change: their own, or, of an admin, a shared one.

    Raises:
        NotFound: there is none of that id here, or it is not theirs to change.
    """
    view = find(session, place, person, view_id)
    if view.user_id != person and not is_admin:
        raise NotFound("There is no such view of yours.")
    return view


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
    name = checked_name(name)
    _refuse_sharing(session, place, person, shared=shared)
    mine = _own(session, place, person)
    _refuse_taken(mine, name)
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


def change(
    session: Session, view: SavedView, person: UUID, wanted: Mapping[str, Any]
) -> dict[str, list[Any]]:
    """Set name, query or sharing of a view; return what is different, before and after.

    ``wanted`` may hold ``is_default`` too, for the person's own. Another's is changed by the
    function of the owner, which asks whether the person is an admin.

    Raises:
        Invalid: the name cannot be used, or a view of no single workspace is to be shared.
        Conflict: its maker has another view of that name here, or too many are shared.
    """
    values = dict(wanted)
    if "name" in values:
        values["name"] = checked_name(values["name"])
    changes = {
        key: [getattr(view, key), value]
        for key, value in values.items()
        if getattr(view, key) != value
    }
    if "name" in changes:
        others = _own(session, view.workspace_id, view.user_id)
        _refuse_taken([other for other in others if other.id != view.id], values["name"])
    if changes.get("shared") == [False, True]:
        _refuse_sharing(session, view.workspace_id, person, shared=True)
    if view.user_id != person:
        _as_admin(session, view, {key: value for key, (_, value) in changes.items()})
    elif changes.get("is_default") == [False, True]:
        clear_default(session, view.workspace_id, person)
    for key, (_, value) in changes.items():
        setattr(view, key, value)
    session.flush()
    return changes


def copy(session: Session, view: SavedView, person: UUID) -> SavedView:
    """Make the view the person's own as well, under the next free name.

    Raises:
        Conflict: the person has too many.
    """
    taken = {other.name for other in _own(session, view.workspace_id, person)}
    number, name = 1, view.name
    while name in taken:
        end = " (copy)" if number == 1 else f" (copy {number})"
        name, number = view.name[: MAX_NAME - len(end)] + end, number + 1
    return save(
        session,
        view.workspace_id,
        person,
        name=name,
        query=view.query,
        shared=False,
        default=False,
    )


def clear_default(session: Session, place: UUID, person: UUID) -> None:
    """Let the place open with everything again."""
    session.execute(
        update(SavedView)
        .where(SavedView.workspace_id == place, SavedView.user_id == person)
        .values(is_default=False)
    )


def remove(session: Session, view: SavedView, person: UUID) -> None:
    """Remove a view that the person may change."""
    if view.user_id != person:
        _as_admin(session, view, None)
        return
    session.delete(view)
    session.flush()


def checked_name(name: str) -> str:
    """Return a name without doubled spaces; raise Invalid where it cannot be a view's."""
    return one_line(name, "A name", MAX_NAME)


def _own(session: Session, place: UUID, person: UUID) -> list[SavedView]:
    return [view for view in visible(session, place, person) if view.user_id == person]


def _refuse_taken(views: Sequence[SavedView], name: str) -> None:
    if any(view.name == name for view in views):
        raise Conflict(f"You have a view called {name} already.")


def _refuse_sharing(session: Session, place: UUID, person: UUID, *, shared: bool) -> None:
    if not shared:
        return
    if place == ALL_MY_WORKSPACES:
        raise Invalid("A view over several workspaces is yours alone.")
    if sum(view.shared for view in visible(session, place, person)) >= MOST_SHARED:
        raise Conflict(f"A workspace shares at most {MOST_SHARED} views.")


def _as_admin(session: Session, view: SavedView, changed: dict[str, Any] | None) -> None:
    """Change another person's view, or remove it, by the function that admins alone may call."""
    change = null() if changed is None else cast(changed, JSONB)
    session.execute(select(func.change_shared_view(view.workspace_id, view.id, change)))
    # What is no longer shared is out of sight.
    session.expunge(view)
