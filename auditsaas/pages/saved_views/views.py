"""Saving and removing views, from the log's page."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from auditsaas import current_request, own_actions
from auditsaas.access import current, page_scope
from auditsaas.access.once import acts_once
from auditsaas.access.page_scope import OWN_PREFIXES, in_each_scope
from auditsaas.accounts.models import User
from auditsaas.errors import Conflict, Invalid, InvalidFields
from auditsaas.events.filter import text as filter_text
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.schema import TargetInput
from auditsaas.extensions import db
from auditsaas.own_activities import Activity
from auditsaas.permissions import Permission
from auditsaas.saved_views import service
from auditsaas.saved_views.models import ALL_MY_WORKSPACES, SavedView
from auditsaas.workspaces.account_events import actor_of

saved_views = Blueprint("saved_views", __name__)

MAX_QUERY = 16_000


@in_each_scope(saved_views, "/views", method="POST", prefixes=OWN_PREFIXES)
@acts_once
def save(slug: str | None = None) -> AnyResponse:
    place, log = _place(slug)
    try:
        view = service.save(
            db.session(),
            place,
            current.require_person().id,
            name=request.form.get("name", ""),
            query=_query(request.form.get("query", "")),
            shared=bool(request.form.get("shared")),
            default=bool(request.form.get("default")),
        )
    except (Conflict, Invalid) as error:
        if not current_request.is_partial():
            raise
        db.session.rollback()
        typed = request.form.get("name", "")
        field = render_template("audit_logs/_view_name.html", name=typed, error=_words(error))
        return make_response(field, error.status)
    _record(Activity.VIEW_SAVE, place, view)
    db.session.commit()
    return _to(f"{log}?view={view.id}")


@in_each_scope(saved_views, "/views/<uuid:view_id>/remove", method="POST", prefixes=OWN_PREFIXES)
@acts_once
def remove(view_id: UUID, slug: str | None = None) -> AnyResponse:
    place, log = _place(slug)
    view = service.remove(db.session(), place, current.require_person().id, view_id)
    _record(Activity.VIEW_REMOVE, place, view)
    db.session.commit()
    return _to(f"{log}?view=all")


def _query(text: str) -> str:
    """Read the filter of a view as its canonical query string.

    Raises:
        InvalidFields: it is too long, or a parameter of it cannot be understood.
    """
    if len(text) > MAX_QUERY:
        raise Invalid("This filter is too long to be kept.")
    viewer, args = current.viewer(), filter_text.arguments(text)
    now = datetime.now(UTC)
    return EventFilter.from_args(
        args, zone=viewer.zone, now=now, date_format=viewer.date_format, beside=()
    ).query_string()


def _words(error: Conflict | Invalid) -> str:
    if isinstance(error, InvalidFields):
        return " ".join(wrong.message for wrong in error.errors)
    return str(error)


def _place(slug: str | None) -> tuple[UUID, str]:
    scope = page_scope.load(slug, Permission.LOG_READ)
    place = ALL_MY_WORKSPACES if scope.several else scope.workspaces[0].id
    return place, f"{scope.prefix}/audit-logs"


def _record(activity: Activity, place: UUID, view: SavedView) -> None:
    """Record an event in the workspace; a private view, even its name, stays the person's."""
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
