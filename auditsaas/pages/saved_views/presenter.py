"""Saved views as the page that manages them shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from auditsaas.access import current
from auditsaas.accounts.models import User
from auditsaas.errors import InvalidFields
from auditsaas.events.filter import text as filter_text
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.extensions import db
from auditsaas.pages.audit_log import period_words
from auditsaas.pages.saved_views.place import Place
from auditsaas.permissions import Permission
from auditsaas.saved_views import rows, service
from auditsaas.saved_views.models import SavedView
from auditsaas.schedules import service as schedules

NAMED = 3
"""How many people a sentence names; the others are counted."""


@dataclass(frozen=True, kw_only=True)
class ShownView:
    id: UUID
    name: str
    words: str
    maker: str
    is_own: bool
    shared: bool
    is_default: bool
    hidden: bool
    may_change: bool


def listed(place: Place) -> dict[str, Any]:
    """Build the page's list: every view that the person may use, in their order."""
    views = place.views()
    row = rows.read(db.session(), place.person, place.id)
    names = _names(view.user_id for view in views)
    shown = [
        ShownView(
            id=view.id,
            name=view.name,
            words=in_words(view.query),
            maker=names.get(view.user_id, ""),
            is_own=view.user_id == place.person,
            shared=view.shared,
            is_default=view.is_default and view.user_id == place.person,
            hidden=str(view.id) in row.hidden,
            may_change=view.user_id == place.person or place.manages,
        )
        for view in row.arranged(views)
    ]
    return {
        "place": place,
        "views": shown,
        "own": sum(view.is_own for view in shown),
        "shared": sum(view.shared for view in shown),
        "most": service.MOST,
        "most_shared": service.MOST_SHARED,
    }


def in_words(query: str) -> str:
    """Describe the filter of a view with its period."""
    viewer = current.viewer()
    try:
        kept = EventFilter.from_args(
            filter_text.arguments(query),
            zone=viewer.zone,
            now=datetime.now(UTC),
            date_format=viewer.date_format,
        )
    except InvalidFields:
        return "This filter cannot be understood any more"
    return f"{kept.describe() or 'Everything'}, {period_words.label(kept.range).lower()}"


def maker_of(view: SavedView) -> str:
    return _names([view.user_id]).get(view.user_id, "")


def readers_besides(place: Place, maker: UUID) -> str:
    """Name the people who read the log and would lose a view of this maker; '' where none would."""
    if place.scope.several:
        return ""
    found = schedules.readers(db.session(), place.id)
    names = [user.name for user in found if user.id != maker]
    if len(names) > NAMED:
        return f"{', '.join(names[:NAMED])} and {len(names) - NAMED:,} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def schedules_with(place: Place, view: SavedView) -> Sequence[str]:
    """Name the schedules that send what a view shows, of those that the person sees."""
    if place.scope.several:
        return ()
    held = place.scope.held[0]
    admined = [held.id] if held.allows(Permission.EXPORT_READ_ALL) else []
    visible = schedules.visible_to(place.person, admined)
    found = schedules.of_workspaces(db.session(), [place.id], visible)
    return [one.name for one in found if one.query == _without_period(view.query)]


def _without_period(query: str) -> str:
    now, viewer = datetime.now(UTC), current.viewer()
    try:
        kept = EventFilter.from_args(filter_text.arguments(query), zone=viewer.zone, now=now)
    except InvalidFields:
        return query
    return kept.without("range").query_string()


def _names(people: Iterable[UUID]) -> dict[UUID, str]:
    wanted = select(User.id, User.name).where(User.id.in_(set(people)))
    return {row.id: row.name for row in db.session().execute(wanted)}
