"""A place of saved views: one workspace, or all of a person's; and what they may do there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from auditsaas import current_request, own_actions
from auditsaas.access import current, page_scope
from auditsaas.access.page_scope import PageScope
from auditsaas.accounts.models import User
from auditsaas.events.schema import TargetInput
from auditsaas.extensions import db
from auditsaas.own_activities import Activity
from auditsaas.permissions import Permission
from auditsaas.saved_views import service
from auditsaas.saved_views.models import ALL_MY_WORKSPACES, SavedView
from auditsaas.workspaces.account_events import actor_of


@dataclass(frozen=True, kw_only=True)
class Place:
    scope: PageScope
    id: UUID
    person: UUID

    @property
    def manages(self) -> bool:
        """Whether the person may share views here, and change those that others shared."""
        return not self.scope.several and self.scope.allows(Permission.VIEW_SHARE)

    @property
    def log_url(self) -> str:
        return f"{self.scope.prefix}/audit-logs"

    @property
    def url(self) -> str:
        return f"{self.scope.prefix}/views"

    def views(self) -> Sequence[SavedView]:
        return service.visible(db.session(), self.id, self.person)

    def find(self, view_id: UUID) -> SavedView:
        return service.find(db.session(), self.id, self.person, view_id)

    def find_to_change(self, view_id: UUID) -> SavedView:
        return service.find_to_change(
            db.session(), self.id, self.person, view_id, is_admin=self.manages
        )


def load(slug: str | None) -> Place:
    scope = page_scope.load(slug, Permission.LOG_READ)
    place = ALL_MY_WORKSPACES if scope.several else scope.workspaces[0].id
    return Place(scope=scope, id=place, person=current.require_person().id)


def record_change(place: Place, view: SavedView, changes: dict[str, list[Any]]) -> None:
    """Record a change that concerns others; what a view was while it was private stays unsaid."""
    before, after = changes.get("shared", [view.shared, view.shared])
    if before and after:
        told = {key: change for key, change in changes.items() if key in ("name", "query")}
        if told:
            record(Activity.VIEW_UPDATE, place, view, changes=told)
    elif after:
        record(Activity.VIEW_SHARE, place, view, changes={"shared": [False, True]})
    elif before:
        name, query = (changes.get(key, [getattr(view, key)])[0] for key in ("name", "query"))
        told = {"shared": [True, False]}
        record(Activity.VIEW_UNSHARE, place, view, name=name, query=query, changes=told)


def record(
    activity: Activity,
    place: Place,
    view: SavedView,
    *,
    name: str | None = None,
    query: str | None = None,
    changes: dict[str, list[Any]] | None = None,
) -> None:
    """Record what was done with a view that is, or was, shared in the workspace."""
    own_actions.record(
        db.session(),
        activity,
        workspaces=[place.id],
        actor=actor_of(db.session().get_one(User, place.person)),
        facts=current_request.facts(),
        status_code=303,
        targets=[TargetInput(type="view", id=str(view.id), name=name or view.name)],
        changes=changes,
        metadata={
            "query": view.query if query is None else query,
            "shared": view.shared,
            "made_by": str(view.user_id),
        },
    )
