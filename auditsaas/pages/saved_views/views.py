"""Saved views: kept from the log's page, changed, arranged, shared, copied and removed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response as AnyResponse

from auditsaas import current_request
from auditsaas.access import current
from auditsaas.access.once import acts_once
from auditsaas.access.page_scope import OWN_PREFIXES, in_each_scope
from auditsaas.errors import Conflict, Invalid, InvalidFields
from auditsaas.events.filter import text as filter_text
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.extensions import db
from auditsaas.own_activities import Activity
from auditsaas.pages.saved_views import place as places
from auditsaas.pages.saved_views import presenter
from auditsaas.pages.saved_views.place import Place
from auditsaas.saved_views import rows, service
from auditsaas.saved_views.models import SavedView

saved_views = Blueprint("saved_views", __name__)

MAX_QUERY = 16_000


@in_each_scope(saved_views, "/views", prefixes=OWN_PREFIXES)
def index(slug: str | None = None) -> ResponseReturnValue:
    return render_template("saved_views/list.html", **presenter.listed(places.load(slug)))


@in_each_scope(saved_views, "/views", method="POST", prefixes=OWN_PREFIXES)
@acts_once
def save(slug: str | None = None) -> ResponseReturnValue:
    place, form = places.load(slug), request.form
    query = form.get("query", "")
    try:
        view = service.save(
            db.session(),
            place.id,
            place.person,
            name=form.get("name", ""),
            query=_query(query),
            shared=_shared(place, before=False),
            default=bool(form.get("default")),
        )
    except (Conflict, Invalid) as error:
        return _asked_again(place, error, query=query)
    if view.shared:
        places.record(Activity.VIEW_SAVE, place, view)
    db.session.commit()
    return _to(f"{place.log_url}?view={view.id}")


@in_each_scope(saved_views, "/views/order", method="POST", prefixes=OWN_PREFIXES)
def arrange(slug: str | None = None) -> ResponseReturnValue:
    """Keep the order of the person's row as its list was sent, or with one view moved."""
    place = places.load(slug)
    order, moved = _moved(request.form.getlist("order"), request.form.get("move", ""))
    rows.arrange(db.session(), place.person, place.id, place.views(), order)
    db.session.commit()
    if not current_request.is_partial():
        return redirect(f"{place.url}#v-{moved}", 303)
    return render_template("saved_views/_list.html", moved=moved, **presenter.listed(place))


@in_each_scope(saved_views, "/views/<uuid:view_id>", prefixes=OWN_PREFIXES)
def edit(view_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    place = places.load(slug)
    view = place.find_to_change(view_id)
    fields = {"name": view.name, "shared": view.shared, "default": view.is_default}
    return _form(place, view=view, query=view.query, fields=fields)


@in_each_scope(saved_views, "/views/<uuid:view_id>", method="POST", prefixes=OWN_PREFIXES)
@acts_once
def change(view_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    """Rename a view, share it or stop sharing it, and let it open first or not."""
    place = places.load(slug)
    view = place.find_to_change(view_id)
    wanted: dict[str, Any] = {"name": request.form.get("name", "")}
    if view.user_id == place.person:
        wanted["is_default"] = bool(request.form.get("default"))
    try:
        wanted["shared"] = _shared(place, before=view.shared)
        changes = service.change(db.session(), view, place.person, wanted)
    except (Conflict, Invalid) as error:
        return _asked_again(place, error, view=view, query=view.query)
    places.record_change(place, view, changes)
    db.session.commit()
    return _to(f"{place.url}#v-{view_id}")


@in_each_scope(saved_views, "/views/<uuid:view_id>/filter", method="POST", prefixes=OWN_PREFIXES)
@acts_once
def update(view_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    """Let a view keep the filter that is shown."""
    place = places.load(slug)
    view = place.find_to_change(view_id)
    if "query" not in request.form:
        raise Invalid("Say which filter the view is to keep.")
    wanted = {"query": _query(request.form["query"])}
    changes = service.change(db.session(), view, place.person, wanted)
    places.record_change(place, view, changes)
    db.session.commit()
    return _to(f"{place.log_url}?view={view_id}")


@in_each_scope(saved_views, "/views/<uuid:view_id>/copy", method="POST", prefixes=OWN_PREFIXES)
@acts_once
def copy(view_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    place = places.load(slug)
    made = service.copy(db.session(), place.find(view_id), place.person)
    db.session.commit()
    return _to(f"{place.url}#v-{made.id}")


@in_each_scope(saved_views, "/views/<uuid:view_id>/hide", method="POST", prefixes=OWN_PREFIXES)
def hide(view_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    """Leave a view out of the person's own row of tabs, or take it in again."""
    place = places.load(slug)
    view, hidden = place.find(view_id), request.form.get("hidden") != "0"
    rows.hide(db.session(), place.person, place.id, place.views(), view.id, hidden=hidden)
    db.session.commit()
    return redirect(f"{place.url}#v-{view_id}", 303)


@in_each_scope(saved_views, "/views/<uuid:view_id>/remove", method="POST", prefixes=OWN_PREFIXES)
@acts_once
def remove(view_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    """Remove a view; of one that others see, ask again, and say who loses it."""
    place = places.load(slug)
    view = place.find_to_change(view_id)
    losing = presenter.readers_besides(place, view.user_id) if view.shared else ""
    if losing and "confirmed" not in request.form:
        return _confirmed(place, view, losing)
    service.remove(db.session(), view, place.person)
    if view.shared:
        places.record(Activity.VIEW_REMOVE, place, view)
    db.session.commit()
    return _to(place.url if request.form.get("next") == "views" else f"{place.log_url}?view=all")


def _confirmed(place: Place, view: SavedView, losing: str) -> str:
    words = f"{losing} can no longer use it."
    if view.user_id != place.person:
        words = f"{presenter.maker_of(view)} made it. {words}"
    if names := presenter.schedules_with(place, view):
        words += f" Schedules keep a copy of its filter and go on: {', '.join(names)}."
    return render_template(
        "workspaces/confirm.html",
        title=f"Remove the view {view.name}?",
        words=words,
        action=request.path,
        fields={"next": request.form.get("next", "")},
        button="Remove view",
        back=f"{place.url}/{view.id}",
    )


def _moved(order: list[str], move: str) -> tuple[list[str], str]:
    """Return the order with one view moved, as ``up:ID`` or ``down:ID`` says, and that view."""
    way, _, moved = move.partition(":")
    if moved not in order or way not in ("up", "down"):
        return order, moved
    place = order.index(moved)
    rest = [*order[:place], *order[place + 1 :]]
    rest.insert(max(0, place - 1) if way == "up" else place + 1, moved)
    return rest, moved


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


def _shared(place: Place, *, before: bool) -> bool:
    """Read whether the view is to be shared; raise Invalid where the person may not begin to."""
    wanted = bool(request.form.get("shared"))
    if wanted and not before and not place.scope.several and not place.manages:
        raise Invalid("Admins share views with the workspace.")
    return wanted


def _asked_again(
    place: Place, error: Conflict | Invalid, *, query: str, view: SavedView | None = None
) -> AnyResponse:
    """Answer with the form as it was sent, and what is wrong beside the name."""
    db.session.rollback()
    words = _words(error)
    if view is None and current_request.is_partial():
        field = render_template(
            "audit_logs/_view_name.html", name=request.form.get("name", ""), error=words
        )
        return make_response(field, error.status)
    fields = {
        "name": request.form.get("name", ""),
        "shared": bool(request.form.get("shared")),
        "default": bool(request.form.get("default")),
    }
    page = _form(place, view=view, query=query, fields=fields, error=words)
    return make_response(page, error.status)


def _form(
    place: Place,
    *,
    view: SavedView | None,
    query: str,
    fields: dict[str, Any],
    error: str = "",
) -> str:
    return render_template(
        "saved_views/form.html",
        place=place,
        view=view,
        query=query,
        words=presenter.in_words(query),
        fields=fields,
        error=error,
        maker=presenter.maker_of(view) if view and view.user_id != place.person else "",
        may_share=place.manages or (view is not None and view.shared),
        losing=presenter.readers_besides(place, view.user_id) if view and view.shared else "",
        schedules=presenter.schedules_with(place, view) if view else (),
    )


def _words(error: Conflict | Invalid) -> str:
    if isinstance(error, InvalidFields):
        return " ".join(wrong.message for wrong in error.errors)
    return str(error)


def _to(address: str) -> AnyResponse:
    if current_request.is_htmx():
        return Response(status=204, headers={"HX-Redirect": address})
    return redirect(address, 303)
