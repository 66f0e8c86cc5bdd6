"""Saving and removing views, from the log's page."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from auditsaas import current_request, own_actions
from auditsaas.access import current, loaders
from auditsaas.accounts.models import User
from auditsaas.events.schema import TargetInput
from auditsaas.extensions import db
from auditsaas.own_actions import Activity
from auditsaas.permissions import Permission
from auditsaas.saved_views import service
from auditsaas.saved_views.models import ALL_MY_WORKSPACES, SavedView
from auditsaas.workspaces.account_events import actor_of

saved_views = Blueprint("saved_views", __name__)

MAX_QUERY = 16_000


@saved_views.post("/views")
@saved_views.post("/w/<slug>/views")
def save(slug: str | None = None) -> AnyResponse:
    place, log = _place(slug)
    view = service.save(
        db.session(),
        place,
        current.require_person().id,
        name=request.form.get("name", ""),
        query=request.form.get("query", "")[:MAX_QUERY],
        shared=bool(request.form.get("shared")),
        default=bool(request.form.get("default")),
    )
    _record(Activity.VIEW_SAVE, place, view)
    db.session.commit()
    return _to(f"{log}?view={view.id}")


@saved_views.post("/views/<uuid:view_id>/remove")
@saved_views.post("/w/<slug>/views/<uuid:view_id>/remove")
def remove(view_id: UUID, slug: str | None = None) -> AnyResponse:
    place, log = _place(slug)
    view = service.remove(db.session(), place, current.require_person().id, view_id)
    _record(Activity.VIEW_REMOVE, place, view)
    db.session.commit()
    return _to(f"{log}?view=all")


def _place(slug: str | None) -> tuple[UUID, str]:
    if slug is None:
        loaders.load_all(Permission.LOG_READ)
        return ALL_MY_WORKSPACES, "/audit-logs"
    access = loaders.load_workspace(slug, Permission.LOG_READ)
    return access.id, f"/w/{access.slug}/audit-logs"


def _record(activity: Activity, place: UUID, view: SavedView) -> None:
    """An event of the workspace; a private view, even its name, is the person's alone."""
    if not view.shared:
        return
    own_actions.record(
        db.session(),
        activity,
        workspaces=[place],
        actor=actor_of(db.session().get_one(User, current.require_person().id)),
        facts=current_request.facts(),
        status_code=303,
        targets=[TargetInput(type="view", id=str(view.id), name=view.name)],
        metadata={"query": view.query, "shared": view.shared},
    )


def _to(address: str) -> AnyResponse:
    if current_request.is_htmx():
        return Response(status=204, headers={"HX-Redirect": address})
    return redirect(address, 303)
