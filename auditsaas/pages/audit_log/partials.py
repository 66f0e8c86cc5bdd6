"""The fragments that refresh the parts of the log's page, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from flask import Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from auditsaas.access import current
from auditsaas.events.presenter import present
from auditsaas.events.reading import facets, latency, pages, totals
from auditsaas.pages.audit_log import filter_panel, histogram_chart, page_loader, page_view
from auditsaas.pages.audit_log.log_scope import LogScope
from auditsaas.pages.audit_log.page_request import PageRequest
from auditsaas.pages.audit_log.page_view import LogView

Fragment = Callable[[LogScope, PageRequest, datetime], ResponseReturnValue]


def _count(scope: LogScope, asked: PageRequest, now: datetime) -> ResponseReturnValue:
    ids = scope.chosen_ids(asked.filter.workspace)
    found = totals.count(scope.session, ids, asked.filter)
    shown = {
        "total": found.total,
        "errors": found.errors,
        "exact": found.exact,
        "complete_through": totals.complete_through(scope.session, ids),
        "latency_url": LogView(scope, current.viewer(), now, asked).latency_url,
    }
    return render_template("audit_logs/_count.html", count=shown)


def _facets(scope: LogScope, asked: PageRequest, now: datetime) -> ResponseReturnValue:
    view = LogView(scope, current.viewer(), now, asked)
    panel = filter_panel.counted(scope, asked.filter)
    return render_template("audit_logs/_facets.html", view=view, facets=panel)


def _histogram(scope: LogScope, asked: PageRequest, now: datetime) -> ResponseReturnValue:
    shown = histogram_chart.build(scope, asked.filter, current.viewer(), now)
    return render_template("audit_logs/_histogram.html", histogram=shown)


def _users(scope: LogScope, asked: PageRequest, now: datetime) -> ResponseReturnValue:
    words = request.args.get("term", "")[:100].replace("\x00", "")
    ids = scope.chosen_ids(asked.filter.workspace)
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


def _tail(scope: LogScope, asked: PageRequest, now: datetime) -> ResponseReturnValue:
    """Render what is newer than the newest row on the page; 204 where nothing is."""
    ids = scope.chosen_ids(asked.filter.workspace)
    page = pages.page(scope.session, ids, asked.filter, limit=asked.limit, after=asked.after)
    if not page.rows:
        return Response(status=204)
    view = LogView(scope, current.viewer(), now, asked.first())
    scope.show(row.workspace_id for row in page.rows)
    names = scope.names
    rows = [
        present(row, names[row.workspace_id], row.actor_status_now, scope.event_url)
        for row in page.rows
    ]
    shown = page_view.ShownPage(rows, 1, len(rows), None, None)
    return render_template("audit_logs/_tail.html", view=replace(view, page=shown), rows=rows)


def _without(scope: LogScope, asked: PageRequest, now: datetime) -> ResponseReturnValue:
    """Count what would match without one of the filters, where nothing does."""
    view = page_loader.with_suggestion(LogView(scope, current.viewer(), now, asked))
    return render_template("audit_logs/_without.html", view=view)


def _latency(scope: LogScope, asked: PageRequest, now: datetime) -> ResponseReturnValue:
    ids = scope.chosen_ids(asked.filter.workspace)
    found = latency.latency(scope.session, ids, asked.filter)
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
