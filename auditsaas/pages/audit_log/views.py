"""The log's pages and the fragments that refresh them."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import (
    Blueprint,
    Response,
    abort,
    g,
    make_response,
    redirect,
    render_template,
    request,
)
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.access import current, loaders, platform_guard
from auditsaas.current_request import is_partial
from auditsaas.db import replica
from auditsaas.db.tenancy import platform_session
from auditsaas.errors import NotFound
from auditsaas.events.filter.event_filter import EventFilter, FilterError
from auditsaas.extensions import db
from auditsaas.pages.audit_log import (
    event_page,
    filter_panel,
    page_loader,
    page_request,
    search_suggestions,
)
from auditsaas.pages.audit_log.log_scope import Place
from auditsaas.pages.audit_log.page_request import PageRequest
from auditsaas.pages.audit_log.page_view import LogView
from auditsaas.pages.audit_log.partials import FRAGMENTS
from auditsaas.pages.audit_log.saved_view_choice import offered
from auditsaas.permissions import Permission
from auditsaas.saved_views.models import ALL_MY_WORKSPACES
from auditsaas.workspaces.models import Workspace

audit_logs = Blueprint("audit_logs", __name__)


def all_mine() -> Place:
    """The log over all workspaces that the signed-in person may read."""
    if current.require_person().is_super_admin and not loaders.my_workspaces():
        abort(redirect("/admin/audit-logs"))
    held = loaders.load_all(Permission.LOG_READ)
    exports = any(access.allows(Permission.EXPORT_CREATE) for access in held)
    return Place(
        base_url="/audit-logs",
        session=_reading_session(),
        workspaces=[access.workspace for access in held],
        several=True,
        exports_url="/exports" if exports else None,
        views_of=ALL_MY_WORKSPACES,
    )


def one(slug: str) -> Place:
    """The log of one workspace."""
    access = loaders.load_workspace(slug, Permission.LOG_READ)
    exports = access.allows(Permission.EXPORT_CREATE)
    return Place(
        base_url=f"/w/{access.workspace.slug}/audit-logs",
        session=_reading_session(),
        workspaces=[access.workspace],
        several=False,
        exports_url=f"/w/{access.workspace.slug}/exports" if exports else None,
        views_of=access.workspace.id,
    )


def everywhere(slug: str | None = None) -> Place:
    """The log across all workspaces, for super-admins, through the pool that only reads.

    Of one workspace where ``slug`` names it, which takes a reason of its own. Nothing that no
    reason was given for is in the place.
    """
    loaders.load_platform()
    g.other_session = session = platform_session()
    workspaces = session.execute(
        select(Workspace.id, Workspace.slug, Workspace.name).order_by(Workspace.name)
    ).all()
    known = {workspace.slug: workspace.id for workspace in workspaces}
    named = request.args.getlist("workspace") if slug is None else [slug]
    allowed = platform_guard.require_reason(known, named, itself=slug is not None)
    if allowed is not None:
        workspaces = [workspace for workspace in workspaces if workspace.id in allowed]
    return Place(
        base_url="/admin/audit-logs",
        session=session,
        workspaces=workspaces,
        several=True,
        exports_url="/admin/exports",
        event_pattern="/admin/audit-logs/{slug}/{id}",
        on_show=platform_guard.note_shown,
    )


def _reading_session() -> Session:
    """The request's own session, or one on a replica that has all that this one would read."""
    primary = db.session()
    other = replica.page_session(primary, primary.info["scope"])
    if other is None:
        return primary
    g.other_session = other
    return other


@audit_logs.teardown_app_request
def _close_other_session(_: BaseException | None) -> None:
    session = g.pop("other_session", None)
    if session is not None:
        session.close()


@audit_logs.get("/audit-logs")
@audit_logs.get("/w/<slug>/audit-logs")
@audit_logs.get("/admin/audit-logs")
def log(slug: str | None = None) -> ResponseReturnValue:
    place, now = _place(slug), datetime.now(UTC)
    viewer = current.viewer()
    views = offered(place)
    if not request.args and not is_partial() and views.default is not None:
        return redirect(f"{place.base_url}?view={views.default.id}")
    try:
        asked = page_request.read(views.resolve(request.args), place, viewer, now)
    except FilterError as error:
        return _refused(place, error, now)
    view = page_loader.with_page(LogView(place, viewer, now, asked, offered=views))
    if is_partial():
        response = make_response(render_template("audit_logs/_reply.html", view=view))
        response.headers["HX-Push-Url"] = view.url
        response.headers["HX-Trigger"] = "filters-changed"
        return response
    return render_template(
        "audit_logs/page.html", view=view, facets=filter_panel.quick(place, view.filter)
    )


def _refused(place: Place, error: FilterError, now: datetime) -> ResponseReturnValue:
    """What cannot be understood: a message, no rows, and what was typed stays."""
    asked = PageRequest(filter=page_request.typed(request.args))
    view = LogView(place, current.viewer(), now, asked, problems=error.errors)
    if is_partial():
        return render_template("audit_logs/_error.html", view=view), 422
    panel = filter_panel.quick(place, view.filter)
    return render_template("audit_logs/page.html", view=view, facets=panel), 422


@audit_logs.get("/audit-logs/<fragment>")
@audit_logs.get("/w/<slug>/audit-logs/<fragment>")
@audit_logs.get("/admin/audit-logs/<fragment>")
def part(fragment: str, slug: str | None = None) -> ResponseReturnValue:
    """A fragment of the page by name, or, in one workspace, an event by id."""
    place, now = _place(slug), datetime.now(UTC)
    build = FRAGMENTS.get(fragment)
    if build is None:
        if slug is None:
            raise NotFound("There is no such page.")
        return _event(place, slug, fragment, now)
    try:
        args = offered(place).resolve(request.args)
        asked = page_request.read(args, place, current.viewer(), now)
    except FilterError as error:
        return _nothing_counted(error)
    return build(place, asked, now)


def _nothing_counted(error: FilterError) -> ResponseReturnValue:
    return Response(str(error), 422, mimetype="text/plain")


@audit_logs.get("/admin/audit-logs/<slug>/<event_id>")
def event_as_super_admin(slug: str, event_id: str) -> ResponseReturnValue:
    return _event(everywhere(slug), slug, event_id, datetime.now(UTC))


def _event(place: Place, slug: str, event_id: str, now: datetime) -> ResponseReturnValue:
    row = event_page.load(place, slug, event_id)
    try:
        chosen = page_request.read(request.args, place, current.viewer(), now).filter
    except FilterError:
        chosen = EventFilter()
    context = event_page.context(place, row, chosen, request.url_root)
    template = "_drawer" if is_partial() else "event"
    return render_template(f"audit_logs/{template}.html", **context)


@audit_logs.get("/w/<slug>/audit-logs/<event_id>/related")
@audit_logs.get("/admin/audit-logs/<slug>/<event_id>/related")
def related(slug: str, event_id: str) -> ResponseReturnValue:
    place = everywhere(slug) if request.path.startswith("/admin/") else one(slug)
    row = event_page.load(place, slug, event_id)
    found = event_page.related(place, row, request.args.get("by", ""))
    return render_template("audit_logs/_related.html", **found)


@audit_logs.get("/audit-logs/suggest")
@audit_logs.get("/w/<slug>/audit-logs/suggest")
@audit_logs.get("/admin/audit-logs/suggest")
def suggest(slug: str | None = None) -> ResponseReturnValue:
    """What could be typed next in the search box."""
    place = _place(slug)
    text = request.args.get("q", "")[:2000].replace("\x00", "")
    at = request.args.get("at", "")
    cursor = int(at) if at.isascii() and at.isdigit() and len(at) <= 4 else len(text)
    found = search_suggestions.suggest(place, text, cursor)
    return render_template("audit_logs/_suggestions.html", suggestions=found)


def _place(slug: str | None) -> Place:
    if slug is not None:
        return one(slug)
    return everywhere() if request.path.startswith("/admin/") else all_mine()
