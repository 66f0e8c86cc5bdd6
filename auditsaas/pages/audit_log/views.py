"""The log's pages and the fragments that refresh them."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from auditsaas.access import crowding
from auditsaas.access.page_scope import in_each_scope
from auditsaas.current_request import is_partial
from auditsaas.errors import NotFound
from auditsaas.events.filter.event_filter import EventFilter, FilterError
from auditsaas.pages.audit_log import (
    log_scope,
    page_loader,
    search_suggestions,
)
from auditsaas.pages.audit_log.event import page as event_page
from auditsaas.pages.audit_log.log_scope import LogScope
from auditsaas.pages.audit_log.partials import FRAGMENTS
from auditsaas.pages.onboarding import page as onboarding

audit_logs = Blueprint("audit_logs", __name__)
crowding.install(audit_logs)


@in_each_scope(audit_logs, "/audit-logs")
def log(slug: str | None = None) -> ResponseReturnValue:
    scope = log_scope.load(slug)
    first = onboarding.instead_of_log()
    if first is not None:
        return first
    default = scope.offered.default
    if not request.args and not is_partial() and default is not None:
        return redirect(f"{scope.base_url}?view={default.id}")
    view = page_loader.read(scope, request.args or page_loader.opening(scope))
    if view.problems:
        template = "_error" if is_partial() else "page"
        return render_template(f"audit_logs/{template}.html", view=view), 422
    if view.unified and not is_partial() and "view" not in request.args:
        return redirect(view.url)
    if not is_partial():
        view = page_loader.with_page_and_panel(view)
        left = onboarding.steps_left()
        return render_template("audit_logs/page.html", view=view, first_steps=left)
    view = page_loader.with_page(view)
    response = make_response(render_template("audit_logs/_reply.html", view=view))
    response.headers["HX-Push-Url"] = view.url
    response.headers["HX-Trigger"] = "filters-changed"
    return response


@in_each_scope(audit_logs, "/audit-logs/<fragment>")
def part(fragment: str, slug: str | None = None) -> ResponseReturnValue:
    """Render a fragment of the page by name, or, in one workspace, an event by id."""
    scope = log_scope.load(slug)
    build = FRAGMENTS.get(fragment)
    if build is None:
        if slug is None:
            raise NotFound("There is no such page.")
        return _event(scope, slug, fragment)
    view = page_loader.read(scope, request.args)
    if view.problems:
        return Response(str(FilterError([*view.problems])), 422, mimetype="text/plain")
    return build(view)


@audit_logs.get("/admin/audit-logs/<slug>/<event_id>")
def event_as_super_admin(slug: str, event_id: str) -> ResponseReturnValue:
    return _event(log_scope.load(slug), slug, event_id)


def _event(scope: LogScope, slug: str, event_id: str) -> ResponseReturnValue:
    scope.asks(EventFilter(), event=event_id)
    row = event_page.load(scope, slug, event_id)
    view = page_loader.read(scope, request.args)
    chosen = EventFilter() if view.problems else view.filter
    context = event_page.context(scope, row, chosen, request.url_root)
    template = "_drawer" if is_partial() else "event"
    return render_template(f"audit_logs/{template}.html", **context)


@audit_logs.get("/w/<slug>/audit-logs/<event_id>/related")
@audit_logs.get("/admin/audit-logs/<slug>/<event_id>/related")
def related(slug: str, event_id: str) -> ResponseReturnValue:
    scope = log_scope.load(slug)
    scope.asks(EventFilter(), event=event_id)
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
