"""The exports page, its rows as they progress, and the download."""

from __future__ import annotations

from urllib.parse import quote
from uuid import UUID

from flask import Response, current_app, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.wsgi import wrap_file

from auditsaas.access import current
from auditsaas.current_request import is_partial
from auditsaas.errors import NotFound
from auditsaas.exports import service, wording
from auditsaas.exports.formats import FORMATS, GZIP
from auditsaas.exports.kind import EXPORTS
from auditsaas.exports.models import FINAL_STATES, Export
from auditsaas.extensions import db
from auditsaas.jobs.queue import send
from auditsaas.notifications.service import announce, mark_read
from auditsaas.pages.exports import ask_views, export_scope
from auditsaas.pages.exports.blueprint import exports
from auditsaas.pages.exports.export_scope import Place
from auditsaas.pages.exports.presenter import present
from auditsaas.storage.address import storage_at
from auditsaas.storage.base import FileMissing

__all__ = ["ask_views", "exports"]

PAGE_SIZE = 50


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
    place = export_scope.at(slug)
    export = service.find(place.session, place.visible, export_id)
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
    place = export_scope.at(slug)
    export = service.find(place.session, place.visible, export_id)
    service.cancel(place.session, export, place.asker)
    db.session.commit()
    return _row(export, place) if is_partial() else redirect(place.base_url, 303)


@exports.post("/exports/<uuid:export_id>/retry")
@exports.post("/w/<slug>/exports/<uuid:export_id>/retry")
@exports.post("/admin/exports/<uuid:export_id>/retry")
def retry(export_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    place = export_scope.at(slug)
    export = service.find(place.session, place.visible, export_id)
    service.run_again(place.session, export, place.asker)
    db.session.commit()
    send(EXPORTS.message(export))
    return _row(export, place) if is_partial() else redirect(place.base_url, 303)


@exports.get("/exports/<uuid:export_id>/download")
@exports.get("/w/<slug>/exports/<uuid:export_id>/download")
@exports.get("/admin/exports/<uuid:export_id>/download")
def download(export_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    """The file, or the range of it that is asked for; both are recorded before they are sent."""
    place = export_scope.at(slug)
    export = service.find(place.session, place.visible, export_id)
    response = file_response(export, [place.names[key].slug for key in export.workspace_ids])
    if request.method == "GET" and response.status_code in (200, 206):
        part = response.headers.get("Content-Range")
        service.record_download(
            place.session, export, place.asker, status_code=response.status_code, part=part
        )
        mark_read(place.session, place.person.id, url=wording.own_address(export))
        db.session.commit()
    return response


def file_response(export: Export, slugs: list[str]) -> Response:
    """The file as RFC 9110 wants it, with ranges (section 14) and its SHA-256 as the entity tag."""
    storage = storage_at(current_app.extensions["settings"].storage_url)
    key = service.file_of(export)
    try:
        size, file = storage.size(key), storage.open(key)
    except FileMissing as error:
        raise NotFound("The file is no longer in storage. Run the export again.") from error
    response = Response(wrap_file(request.environ, file), direct_passthrough=True)
    response.content_length = size
    response.content_type = GZIP if export.gzip else FORMATS[export.format].content_type
    response.headers["Content-Disposition"] = _attachment(wording.file_name(export, slugs))
    response.set_etag(export.sha256 or str(export.id))
    response.make_conditional(request, accept_ranges=True, complete_length=size)
    return response


def _attachment(name: str) -> str:
    """RFC 6266: a plain name for all, and the encoded one that new browsers prefer."""
    return f"attachment; filename=\"{name}\"; filename*=UTF-8''{quote(name, safe='')}"


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
