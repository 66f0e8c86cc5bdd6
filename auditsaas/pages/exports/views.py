"""The exports' pages: asking for one, the list and its rows as they progress, the download."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from auditsaas.access import current
from auditsaas.current_request import is_partial
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.exports import service, wording
from auditsaas.exports.asking.monthly import request_monthly
from auditsaas.exports.asking.preflight import preflight
from auditsaas.exports.asking.request import ExportRequest, request_export
from auditsaas.exports.columns import COLUMNS
from auditsaas.exports.formats import FORMATS, checked, format_called, options
from auditsaas.exports.kind import EXPORTS
from auditsaas.exports.limits import row_limits
from auditsaas.exports.models import FINAL_STATES, Export
from auditsaas.extensions import db
from auditsaas.jobs.queue import send
from auditsaas.notifications.service import announce, mark_read
from auditsaas.pages.exports import export_scope
from auditsaas.pages.exports.download import file_response
from auditsaas.pages.exports.export_scope import Place
from auditsaas.pages.exports.presenter import present

exports = Blueprint("exports", __name__)

PAGE_SIZE = 50


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
    wanted = _request(place, _filter(request.form))
    monthly = bool(request.form.get("monthly"))
    made = (
        request_monthly(place.session, wanted)
        if monthly
        else [request_export(place.session, wanted)]
    )
    db.session.commit()
    for export in made:
        send(EXPORTS.message(export))
    if is_partial():
        shown = [present(export, place, current.viewer()) for export in made]
        return render_template("exports/_requested.html", exports=shown, list_url=place.base_url)
    return redirect(place.base_url, 303)


@exports.get("/exports")
@exports.get("/w/<slug>/exports")
@exports.get("/admin/exports")
def index(slug: str | None = None) -> ResponseReturnValue:
    place, viewer = export_scope.at(slug), current.viewer()
    place.note_listing()
    if place.reader is not None:
        found = service.newest_of_all(place.reader, limit=PAGE_SIZE + 1, before=_before())
    else:
        found = service.newest(place.session, place.visible, limit=PAGE_SIZE + 1, before=_before())
    shown = [present(export, place, viewer) for export in found[:PAGE_SIZE]]
    older = f"{place.base_url}?before={shown[-1].id}" if len(found) > PAGE_SIZE else None
    return render_template(
        "exports/list.html",
        exports=shown,
        log_url=place.log_url,
        older_url=older,
        several=place.several,
        kept_days=service.kept_days(place.session, [found.id for found in place.workspaces]),
        toast=False,
    )


@exports.get("/exports/<uuid:export_id>")
@exports.get("/w/<slug>/exports/<uuid:export_id>")
@exports.get("/admin/exports/<uuid:export_id>")
def detail(export_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    """One export; as a fragment, the row that polls itself until it is final."""
    place, export = _export_at(slug, export_id)
    if is_partial():
        return _row(export, place)
    mark_read(place.session, place.person.id, url=wording.own_address(export))
    db.session.commit()
    shown = present(export, place, current.viewer())
    return render_template(
        "exports/detail.html", export=shown, list_url=place.base_url, log_url=place.log_url
    )


@exports.post("/exports/<uuid:export_id>/cancel")
@exports.post("/w/<slug>/exports/<uuid:export_id>/cancel")
@exports.post("/admin/exports/<uuid:export_id>/cancel")
def cancel(export_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    place, export = _export_at(slug, export_id)
    service.cancel(place.session, export, place.asker)
    db.session.commit()
    return _row(export, place) if is_partial() else redirect(place.base_url, 303)


@exports.post("/exports/<uuid:export_id>/retry")
@exports.post("/w/<slug>/exports/<uuid:export_id>/retry")
@exports.post("/admin/exports/<uuid:export_id>/retry")
def retry(export_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    place, export = _export_at(slug, export_id)
    service.run_again(place.session, export, place.asker)
    db.session.commit()
    send(EXPORTS.message(export))
    return _row(export, place) if is_partial() else redirect(place.base_url, 303)


@exports.get("/exports/<uuid:export_id>/download")
@exports.get("/w/<slug>/exports/<uuid:export_id>/download")
@exports.get("/admin/exports/<uuid:export_id>/download")
def download(export_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    """The file, or the range of it that is asked for; both are recorded before they are sent."""
    place, export = _export_at(slug, export_id)
    response = file_response(export, [place.names[key].slug for key in export.workspace_ids])
    if request.method == "GET" and response.status_code in (200, 206):
        part = response.headers.get("Content-Range")
        service.record_download(
            place.session, export, place.asker, status_code=response.status_code, part=part
        )
        mark_read(place.session, place.person.id, url=wording.own_address(export))
        db.session.commit()
    return response


def limits_here() -> dict[str, int]:
    return row_limits(current_app.extensions["settings"].pdf_rows)


def _export_at(slug: str | None, export_id: UUID) -> tuple[Place, Export]:
    """The scope of the address, and the export of it that may be seen there."""
    place = export_scope.at(slug)
    return place, service.find(place.session, place.visible, export_id)


def _request(place: Place, event_filter: EventFilter) -> ExportRequest:
    """What the form asks for, once a super-admin has said why."""
    form = request.form
    chosen = format_called(form.get("monthly") or form.get("format", ""))
    workspaces = place.chosen(event_filter.workspace)
    place.look_into(event_filter.workspace)
    return ExportRequest(
        asker=place.asker,
        workspaces=workspaces,
        format=chosen,
        options=options(chosen, columns=form.getlist("columns"), gzip=checked(form.get("gzip"))),
        event_filter=event_filter,
        zone=current.viewer().zone,
        row_limits=limits_here(),
        reader=place.reader,
    )


def _filter(args: MultiDict[str, str]) -> EventFilter:
    viewer = current.viewer()
    return EventFilter.from_args(
        args, zone=viewer.zone, now=datetime.now(UTC), date_format=viewer.date_format
    )


def _row(export: Export, place: Place) -> str:
    """The row; the first time that it is final, with the toast that says so."""
    toast = False
    if export.state in FINAL_STATES and export.requested_by == place.person.id:
        toast = bool(announce(place.session, place.person.id, url=wording.own_address(export)))
        db.session.commit()
    shown = present(export, place, current.viewer())
    return render_template("exports/_row.html", export=shown, several=place.several, toast=toast)


def _before() -> UUID | None:
    try:
        return UUID(request.args.get("before", ""))
    except ValueError:
        return None
