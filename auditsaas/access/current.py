"""The person who is signed in, what was read of them, and how they read dates and the table."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import abort, g

from auditsaas.access.browser import Identity, signed_in
from auditsaas.access.who_asks import Asking
from auditsaas.extensions import login_manager
from auditsaas.formatting.viewer import DEFAULT, Viewer


def require_person() -> Identity:
    """Return the signed-in person; raises Unauthorized, which leads to the sign-in page."""
    person = signed_in()
    if person is None:
        abort(login_manager.unauthorized())
    return person


def require_asking() -> Asking:
    """Return what was read of the signed-in person as this request began."""
    require_person()
    found: Asking = g.asking
    return found


def viewer() -> Viewer:
    """Return how the signed-in person reads dates and the table."""
    person = signed_in()
    if person is None:
        return DEFAULT
    return Viewer(
        zone=_zone(person.time_zone),
        date_format=person.date_format,
        clock=person.clock,
        theme=person.theme,
        density=person.density,
        single_key_shortcuts=person.single_key_shortcuts,
        hidden_columns=frozenset(person.hidden_columns),
        workspace_inside=person.workspace_inside,
    )


def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
