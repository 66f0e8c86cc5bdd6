"""The exports' pages: asking for one, the list and its rows as they progress, the download."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from auditsaas.access import current, log_reading, once
from auditsaas.access.once import acts_once
from auditsaas.access.page_scope import OWN_PREFIXES, in_each_scope
from auditsaas.accounts.models import SentForm
from auditsaas.current_request import is_partial
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.reading.scans.sample import Shares
from auditsaas.exports import service, wording
from auditsaas.exports.asking.monthly import by_month
from auditsaas.exports.asking.preflight import preflight
from auditsaas.exports.asking.proof_estimate import estimate_proof
from auditsaas.exports.asking.request import ExportRequest, request_export
from auditsaas.exports.columns import COLUMNS
from auditsaas.exports.formats import FORMATS, checked, format_called, options
from auditsaas.exports.kind import EXPORTS
from auditsaas.exports.limits import row_limits
from auditsaas.exports.models import FINAL_STATES, Export
from auditsaas.exports.quota import refuse_more
from auditsaas.extensions import db, settings
from auditsaas.jobs.turns import send_in_turn
from auditsaas.notifications.service import announce, mark_read
from auditsaas.pages.exports import export_scope
from auditsaas.pages.exports.download import (
    SentFile,
    ask_again_if_large,
    bundle_of,
    file_of,
    send_file,
)
from auditsaas.pages.exports.export_scope import ExportScope
from auditsaas.pages.exports.presenter import present
from auditsaas.workspaces.former_slugs import with_current_slugs

exports = Blueprint("exports", __name__)

PAGE_SIZE = 50
DOUBLE_CLICK = timedelta(seconds=10)
FORM_FIELDS = ("csrf_token", "once", "format", "monthly", "columns", "gzip", "proof")


@exports.app_context_processor
def _formats() -> dict[str, Any]:
    """List the formats of the log's download menu."""
    return {"export_formats": list(FORMATS.values()), "export_columns": COLUMNS}


@in_each_scope(exports, "/exports/preflight")
def before(slug: str | None = None) -> ResponseReturnValue:
    """Render the formats with rows, size, pages and seconds, for the filter of the log."""
    scope = export_scope.load(slug)
    if not is_partial():
        return redirect(scope.log_url)
    event_filter = _filter(request.args, scope)
    look = scope.look_into(event_filter)
    shares: Shares | None = None if look is None else Shares()
    chosen = request.args.get("format")
    wanted = [format_called(chosen)] if chosen else list(FORMATS.values())
    ids = set(scope.readable(event_filter.workspace, look))
    proof = None
    if checked(request.args.get("proof")):
        proof = estimate_proof(
            scope.session, sorted(ids), event_filter, through_platform=scope.reader is not None
        )
    found = preflight(
        scope.reader or scope.session,
        {workspace.id: workspace.slug for workspace in scope.workspaces if workspace.id in ids},
        proof.event_filter if proof else event_filter,
        wanted,
        row_limits=limits_here(),
        shares=shares,
    )
    if look is not None and shares is not None:
        look.show_of(shares)
    return render_template("exports/_formats.html", estimates=found, proof=proof)


@in_each_scope(exports, "/exports", method="POST")
def ask(slug: str | None = None) -> ResponseReturnValue:
    scope = export_scope.load(slug)
    earlier = once.begun()
    if earlier is not None:
        return _asked_before(scope, earlier)
    wanted = _request(scope, _filter(request.form, scope))
    files = by_month(scope.session, wanted) if request.form.get("monthly") else [wanted]
    made = [request_export(scope.session, file) for file in files]
    once.made(f"{scope.base_url}/{made[0].id}" if len(made) == 1 else scope.base_url)
    db.session.commit()
    send_in_turn(EXPORTS, *made)
    if is_partial():
        shown = [present(export, scope, current.viewer()) for export in made]
        return render_template("exports/_requested.html", exports=shown, list_url=scope.base_url)
    return redirect(scope.base_url, 303)


def _asked_before(scope: ExportScope, earlier: SentForm) -> ResponseReturnValue:
    """Lead a form sent again to its export; after a double click, say nothing."""
    address = earlier.address or scope.base_url
    if not is_partial():
        return redirect(address, 303)
    if earlier.created_at > datetime.now(UTC) - DOUBLE_CLICK:
        return "", 204
    return render_template("exports/_asked_before.html", address=address)


@in_each_scope(exports, "/exports")
def index(slug: str | None = None) -> ResponseReturnValue:
    scope, viewer = export_scope.load(slug), current.viewer()
    look = scope.list_all()
    if look is not None:
        found = service.newest_of_all(look.session, limit=PAGE_SIZE + 1, before=_before())
        look.show(key for export in found[:PAGE_SIZE] for key in export.workspace_ids)
    else:
        found = service.newest(scope.session, scope.visible, limit=PAGE_SIZE + 1, before=_before())
    shown = [present(export, scope, viewer) for export in found[:PAGE_SIZE]]
    older = f"{scope.base_url}?before={shown[-1].id}" if len(found) > PAGE_SIZE else None
    return render_template(
        "exports/list.html",
        exports=shown,
        log_url=scope.log_url,
        older_url=older,
        several=scope.several,
        kept_days=service.kept_days(scope.session, [found.id for found in scope.workspaces]),
        toast=False,
    )


@in_each_scope(exports, "/exports/<uuid:export_id>")
def detail(export_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    """Render one export; as a fragment, the row that polls itself until it is final."""
    scope, export = _export_at(slug, export_id)
    scope.tell_of(export)
    if is_partial():
        return _row(export, scope)
    mark_read(scope.session, scope.person.id, url=wording.own_address(export))
    db.session.commit()
    shown = present(export, scope, current.viewer())
    return render_template(
        "exports/detail.html", export=shown, list_url=scope.base_url, log_url=scope.log_url
    )


@in_each_scope(exports, "/exports/<uuid:export_id>/cancel", method="POST")
@acts_once
def cancel(export_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    scope, export = _export_at(slug, export_id)
    service.cancel(scope.session, export, scope.requester)
    db.session.commit()
    return _row(export, scope) if is_partial() else redirect(scope.base_url, 303)


@in_each_scope(exports, "/exports/<uuid:export_id>/retry", method="POST")
@acts_once
def retry(export_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    scope, export = _export_at(slug, export_id)
    refuse_more(scope.session, settings(), export.workspace_ids, scope.requester)
    service.run_again(scope.session, export, scope.requester)
    db.session.commit()
    send_in_turn(EXPORTS, export)
    return _row(export, scope) if is_partial() else redirect(scope.base_url, 303)


@in_each_scope(exports, "/exports/<uuid:export_id>/download")
def download(export_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    """Send the file or a range of it; the download is recorded before it is sent."""
    return _sent(slug, export_id, file_of)


@in_each_scope(exports, "/exports/<uuid:export_id>/bundle", prefixes=OWN_PREFIXES)
def download_bundle(export_id: UUID, slug: str | None = None) -> ResponseReturnValue:
    """Send the archive of the file and its proof, as the file is sent."""
    return _sent(slug, export_id, bundle_of)


def _sent(
    slug: str | None, export_id: UUID, chosen: Callable[[Export, list[str]], SentFile]
) -> Response:
    scope, export = _export_at(slug, export_id)
    ask_again_if_large(scope.session, export)
    sent = chosen(export, [scope.names[key].slug for key in export.workspace_ids])

    def record(status_code: int, part: str | None) -> None:
        service.record_download(
            scope.session,
            export,
            scope.requester,
            status_code=status_code,
            part=part,
            with_proof=sent.has_proof,
        )
        mark_read(scope.session, scope.person.id, url=wording.own_address(export))
        db.session.commit()

    return send_file(sent, caller=f"person {scope.person.id}", record=record)


def limits_here() -> dict[str, int]:
    return row_limits(settings().pdf_rows)


def _export_at(slug: str | None, export_id: UUID) -> tuple[ExportScope, Export]:
    """Load the scope of the address, and the export of it that may be seen there."""
    scope = export_scope.load(slug)
    export = service.find(scope.session, scope.visible, export_id)
    scope.bind_to(export.workspace_ids)
    return scope, export


def _request(scope: ExportScope, event_filter: EventFilter) -> ExportRequest:
    """Read the request of the form, once a super-admin has said why."""
    form = request.form
    chosen = format_called(form.get("monthly") or form.get("format", ""))
    workspaces = scope.readable(event_filter.workspace, scope.look_into(event_filter))
    scope.bind_to(workspaces)
    return ExportRequest(
        requester=scope.requester,
        workspaces=workspaces,
        format=chosen,
        options=options(chosen, columns=form.getlist("columns"), gzip=checked(form.get("gzip"))),
        event_filter=event_filter,
        zone=current.viewer().zone,
        row_limits=limits_here(),
        settings=settings(),
        reader=scope.reader,
        proof=checked(form.get("proof")),
    )


def _filter(args: MultiDict[str, str], scope: ExportScope) -> EventFilter:
    """Read the filter; raise FilterError for a parameter that is unknown or wrong."""
    viewer, now = current.viewer(), datetime.now(UTC)
    asked = EventFilter.from_args(
        args, zone=viewer.zone, now=now, date_format=viewer.date_format, beside=FORM_FIELDS
    )
    found = with_current_slugs(db.session(), asked, scope.workspaces)
    log_reading.asked(found)
    return found


def _row(export: Export, scope: ExportScope) -> str:
    """Render the row; the first time that it is final, with the toast that says so."""
    toast = False
    if export.state in FINAL_STATES and export.requested_by == scope.person.id:
        toast = bool(announce(scope.session, scope.person.id, url=wording.own_address(export)))
        db.session.commit()
    shown = present(export, scope, current.viewer())
    return render_template("exports/_row.html", export=shown, several=scope.several, toast=toast)


def _before() -> UUID | None:
    try:
        return UUID(request.args.get("before", ""))
    except ValueError:
        return None
