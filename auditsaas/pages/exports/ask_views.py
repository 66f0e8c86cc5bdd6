"""Asking for a file: the formats there are, what each would be, and the request itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from flask import current_app, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from auditsaas.access import current
from auditsaas.current_request import is_partial
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.exports import service
from auditsaas.exports.columns import COLUMNS
from auditsaas.exports.formats import FORMATS, checked, format_called, options
from auditsaas.exports.kind import EXPORTS
from auditsaas.exports.limits import row_limits
from auditsaas.exports.models import Export
from auditsaas.exports.monthly import request_monthly
from auditsaas.exports.preflight import preflight
from auditsaas.extensions import db
from auditsaas.jobs.queue import send
from auditsaas.pages.exports import export_scope
from auditsaas.pages.exports.blueprint import exports
from auditsaas.pages.exports.export_scope import Place
from auditsaas.pages.exports.presenter import present


@exports.app_context_processor
def _formats() -> dict[str, Any]:
    """What the download menu of the log offers."""
    return {"export_formats": list(FORMATS.values()), "export_columns": COLUMNS}


@exports.get("/exports/preflight")
@exports.get("/w/<slug>/exports/preflight")
@exports.get("/admin/exports/preflight")
def before(slug: str | None = None) -> ResponseReturnValue:
    """The formats with their rows, size, pages and seconds, for the filter of the log."""
    place = export_scope.at(slug)
    if not is_partial():
        return redirect(place.log_url)
    event_filter = _filter(request.args)
    place.ask_why(event_filter.workspace)
    chosen = request.args.get("format")
    wanted = [format_called(chosen)] if chosen else list(FORMATS.values())
    ids = set(place.chosen(event_filter.workspace))
    return render_template(
        "exports/_formats.html",
        estimates=preflight(
            place.reader or place.session,
            {workspace.id: workspace.slug for workspace in place.workspaces if workspace.id in ids},
            event_filter,
            wanted,
            row_limits=limits_here(),
        ),
    )


@exports.post("/exports")
@exports.post("/w/<slug>/exports")
@exports.post("/admin/exports")
def ask(slug: str | None = None) -> ResponseReturnValue:
    place = export_scope.at(slug)
    made = _requested(place, _filter(request.form))
    db.session.commit()
    for export in made:
        send(EXPORTS.message(export))
    if is_partial():
        shown = [present(export, place, current.viewer()) for export in made]
        return render_template("exports/_requested.html", exports=shown, list_url=place.base_url)
    return redirect(place.base_url, 303)


def limits_here() -> dict[str, int]:
    return row_limits(current_app.extensions["settings"].pdf_rows)


def _requested(place: Place, event_filter: EventFilter) -> Sequence[Export]:
    """The export that a form asks for, or one a month."""
    monthly = request.form.get("monthly")
    chosen = format_called(monthly or request.form.get("format", ""))
    workspaces = place.chosen(event_filter.workspace)
    place.look_into(event_filter.workspace)
    asked: dict[str, Any] = {
        "asker": place.asker,
        "workspaces": workspaces,
        "format": chosen.key,
        "options": options(
            chosen,
            columns=request.form.getlist("columns"),
            gzip=checked(request.form.get("gzip")),
        ),
        "event_filter": event_filter,
        "zone": current.viewer().zone,
        "row_limits": limits_here(),
        "reader": place.reader,
    }
    if monthly:
        return request_monthly(place.session, **asked)
    return [service.request(place.session, **asked)]


def _filter(args: MultiDict[str, str]) -> EventFilter:
    viewer = current.viewer()
    return EventFilter.from_args(
        args, zone=viewer.zone, now=datetime.now(UTC), date_format=viewer.date_format
    )
