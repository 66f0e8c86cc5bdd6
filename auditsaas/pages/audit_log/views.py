"""The log's pages and the fragments that refresh them."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import (
    Blueprint,
    Response,
    make_response,
    redirect,
    render_template,
    request,
)
from flask.typing import ResponseReturnValue

from auditsaas.access import current
from auditsaas.access.page_scope import in_each_scope
from auditsaas.current_request import is_partial
from auditsaas.errors import NotFound
from auditsaas.events.filter.event_filter import EventFilter, FilterError
from auditsaas.pages.audit_log import (
    event_page,
    filter_panel,
    log_scope,
    page_loader,
    page_request,
    search_suggestions,
)
from auditsaas.pages.audit_log.log_scope import LogScope
from auditsaas.pages.audit_log.page_request import PageRequest
from auditsaas.pages.audit_log.page_view import LogView
from auditsaas.pages.audit_log.partials import FRAGMENTS
from auditsaas.pages.audit_log.saved_view_choice import offered

audit_logs = Blueprint("audit_logs", __name__)


@in_each_scope(audit_logs, "/audit-logs")
def log(slug: str | None = None) -> ResponseReturnValue:
    scope, now = log_scope.load(slug), datetime.now(UTC)
    viewer = current.viewer()
    views = offered(scope)
    if not request.args and not is_partial() and views.default is not None:
        return redirect(f"{scope.base_url}?view={views.default.id}")
    try:
        asked = page_request.read(views.resolve(request.args), scope, viewer, now)
    except FilterError as error:
        return _refused(scope, error, now)
    view = page_loader.with_page(LogView(scope, viewer, now, asked, offered=views))
    if is_partial():
        response = make_response(render_template("audit_logs/_reply.html", view=view))
        response.headers["HX-Push-Url"] = view.url
        response.headers["HX-Trigger"] = "filters-changed"
        return response
    return render_template(
        "audit_logs/page.html", view=view, facets=filter_panel.quick(scope, view.filter)
    )


def _refused(scope: LogScope, error: FilterError, now: datetime) -> ResponseReturnValue:
    """Render an error for a filter that cannot be understood; what was typed stays."""
    asked = PageRequest(filter=page_request.typed(request.args))
    view = LogView(scope, current.viewer(), now, asked, problems=error.errors)
    if is_partial():
        return render_template("audit_logs/_error.html", view=view), 422
    panel = filter_panel.quick(scope, view.filter)
    return render_template("audit_logs/page.html", view=view, facets=panel), 422


@in_each_scope(audit_logs, "/audit-logs/<fragment>")
def part(fragment: str, slug: str | None = None) -> ResponseReturnValue:
    """Render a fragment of the page by name, or, in one workspace, an event by id."""
    scope, now = log_scope.load(slug), datetime.now(UTC)
    build = FRAGMENTS.get(fragment)
    if build is None:
        if slug is None:
            raise NotFound("There is no such page.")
        return _event(scope, slug, fragment, now)
    try:
        args = offered(scope).resolve(request.args)
        asked = page_request.read(args, scope, current.viewer(), now)
    except FilterError as error:
        return _nothing_counted(error)
    return build(scope, asked, now)


def _nothing_counted(error: FilterError) -> ResponseReturnValue:
    return Response(str(error), 422, mimetype="text/plain")


@audit_logs.get("/admin/audit-logs/<slug>/<event_id>")
def event_as_super_admin(slug: str, event_id: str) -> ResponseReturnValue:
    return _event(log_scope.load(slug), slug, event_id, datetime.now(UTC))


def _event(scope: LogScope, slug: str, event_id: str, now: datetime) -> ResponseReturnValue:
    row = event_page.load(scope, slug, event_id)
    try:
        chosen = page_request.read(request.args, scope, current.viewer(), now).filter
    except FilterError:
        chosen = EventFilter()
    context = event_page.context(scope, row, chosen, request.url_root)
    template = "_drawer" if is_partial() else "event"
    return render_template(f"audit_logs/{template}.html", **context)


@audit_logs.get("/w/<slug>/audit-logs/<event_id>/related")
@audit_logs.get("/admin/audit-logs/<slug>/<event_id>/related")
def related(slug: str, event_id: str) -> ResponseReturnValue:
    scope = log_scope.load(slug)
    row = event_page.load(scope, slug, event_id)
    found = event_page.related(scope, row, request.args.get("by", ""))
    return render_template("audit_logs/_related.html", **found)


@in_each_scope(audit_logs, "/audit-logs/suggest")
def suggest(slug: str | None = None) -> ResponseReturnValue:
    """Render the search box's suggestions."""
    scope = log_scope.load(slug)
    text = request.args.get("q", "")[:2000].replace("\x00", "")
    at = request.args.get("at", "")
    cursor = int(at) if at.isascii() and at.isdigit() and len(at) <= 4 else len(text)
    found = search_suggestions.suggest(scope, text, cursor)
    return render_template("audit_logs/_suggestions.html", suggestions=found)
