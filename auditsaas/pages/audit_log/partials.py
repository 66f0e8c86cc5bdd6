"""The fragments that refresh the parts of the log's page, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flask import Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from auditsaas.db.together import together
from auditsaas.events.reading import facets, latency, pages, totals
from auditsaas.events.reading.scans import event_rows
from auditsaas.pages.audit_log import filter_panel, histogram_chart, no_match, page_loader
from auditsaas.pages.audit_log.page_view import LogView, ShownPage
from auditsaas.reads.reading import without_reads

Fragment = Callable[[LogView], ResponseReturnValue]


def _count(view: LogView) -> ResponseReturnValue:
    scope, ids = view.scope, view.scope.chosen_ids(view.filter.workspace)
    session, shares = scope.session, scope.shares()
    found, through = together(
        session,
        lambda: totals.count(session, ids, view.filter, shares=shares),
        lambda: totals.complete_through(session, ids),
    )
    scope.show_of(shares)
    shown = {
        "total": found.total,
        "errors": found.errors,
        "exact": found.exact,
        "complete_through": through,
        "latency_url": view.latency_url,
    }
    return render_template("audit_logs/_count.html", count=shown)


def _facets(view: LogView) -> ResponseReturnValue:
    panel = filter_panel.counted(view.scope, view.filter)
    return render_template("audit_logs/_facets.html", view=view, facets=panel)


def _histogram(view: LogView) -> ResponseReturnValue:
    shown = histogram_chart.build(view.scope, view.filter, view.viewer, view.now)
    return render_template("audit_logs/_histogram.html", histogram=shown)


def _users(view: LogView) -> ResponseReturnValue:
    words = request.args.get("term", "")[:100].replace("\x00", "")
    scope, ids = view.scope, view.scope.chosen_ids(view.filter.workspace)
    found = facets.find_actors(scope.session, ids, words)
    scope.show(actor.workspace_id for actor in found)
    return jsonify(
        [
            {
                "value": actor.id,
                "text": actor.label,
                "sub": actor.email if actor.email and actor.email != actor.label else actor.id,
                "standing": actor.standing,
            }
            for actor in found
        ]
    )


def _tail(view: LogView) -> ResponseReturnValue:
    """Render what is newer than the newest row on the page, but for reads; 204 if nothing."""
    scope, ids = view.scope, view.scope.chosen_ids(view.filter.workspace)
    news = without_reads(view.filter)
    page = pages.page(
        scope.session,
        ids,
        news,
        limit=view.limit,
        after=view.after,
        columns=event_rows.TABLE,
    )
    rows = page_loader.shown_rows(view, page)
    if not rows:
        return Response(status=204)
    shown = ShownPage(rows, 1, len(rows), None, None)
    return render_template(
        "audit_logs/_tail.html", view=replace(page_loader.paged(view), page=shown)
    )


def _without(view: LogView) -> ResponseReturnValue:
    """Count what would match without one of the filters, where nothing does."""
    found = no_match.suggestion(view.scope, view.filter)
    return render_template("audit_logs/_without.html", suggestion=found)


def _latency(view: LogView) -> ResponseReturnValue:
    scope, ids = view.scope, view.scope.chosen_ids(view.filter.workspace)
    shares = scope.shares()
    found = latency.latency(scope.session, ids, view.filter, shares=shares)
    scope.show_of(shares)
    return render_template("audit_logs/_latency.html", latency=found)


FRAGMENTS: dict[str, Fragment] = {
    "count": _count,
    "facets": _facets,
    "histogram": _histogram,
    "users": _users,
    "tail": _tail,
    "latency": _latency,
    "without": _without,
}
