"""Asking for a file of what the log shows: the estimate before, and the form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from flask import make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from auditsaas.access import current, log_reading, once
from auditsaas.access.page_scope import in_each_scope
from auditsaas.accounts.models import SentForm
from auditsaas.current_request import is_htmx, is_partial
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.reading.scans.sample import Shares
from auditsaas.exports.asking.monthly import by_month
from auditsaas.exports.asking.preflight import preflight
from auditsaas.exports.asking.proof_estimate import estimate_proof
from auditsaas.exports.asking.request import ExportRequest, request_export
from auditsaas.exports.formats import FORMATS, Format, checked, format_called, options
from auditsaas.exports.kind import EXPORTS
from auditsaas.exports.models import Export
from auditsaas.extensions import db, settings
from auditsaas.jobs.turns import send_in_turn
from auditsaas.pages.exports import at_once, export_scope
from auditsaas.pages.exports.blueprint import exports, limits_here
from auditsaas.pages.exports.download import file_of, send_export
from auditsaas.pages.exports.export_scope import ExportScope
from auditsaas.pages.exports.presenter import present
from auditsaas.pages.exports.progress import TOAST, following
from auditsaas.pages.exports.shown_columns import shown_columns
from auditsaas.workspaces.former_slugs import with_current_slugs

DOUBLE_CLICK = timedelta(seconds=10)
FORM_FIELDS = (
    *("csrf_token", "once", "format", "monthly", "columns", "as_shown", "gzip", "proof"),
)


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
        proof=proof.plan if proof else None,
    )
    if look is not None and shares is not None:
        look.show_of(shares)
    return render_template("exports/_formats.html", estimates=found, proof=proof)


@in_each_scope(exports, "/exports", method="POST")
def ask(slug: str | None = None) -> ResponseReturnValue:
    """Ask for a file, or for one a month; a small one is the answer."""
    scope = export_scope.load(slug)
    in_thread = not request.form.get("monthly") and at_once.has_thread(
        scope, _format(), proof=checked(request.form.get("proof"))
    )
    earlier = once.begun()
    if earlier is not None:
        return _asked_before(scope, earlier)
    wanted, is_small = _request(scope, _filter(request.form, scope)), False
    if in_thread:
        wanted, is_small = at_once.counted(scope, wanted)
    if is_small:
        wanted = replace(wanted, status_code=200)
    files = by_month(scope.session, wanted) if request.form.get("monthly") else [wanted]
    made = [request_export(scope.session, file) for file in files]
    once.made(f"{scope.base_url}/{made[0].id}" if len(made) == 1 else scope.base_url)
    db.session.commit()
    if is_small:
        made = [at_once.build(scope, made[0].id)]
        if at_once.is_built(made[0]) and not is_htmx():
            answer = send_export(scope, made[0], file_of)
            # Where it can be fetched again (RFC 9110, section 8.7).
            answer.headers["Content-Location"] = f"{scope.base_url}/{made[0].id}/download"
            return answer
    send_in_turn(EXPORTS, *made)
    return _requested(scope, made) if is_partial() else redirect(scope.base_url, 303)


def _requested(scope: ExportScope, made: Sequence[Export]) -> ResponseReturnValue:
    """Say what becomes of the files; the page then fetches one that is there already."""
    shown = [present(export, scope, current.viewer()) for export in made]
    answer = make_response(
        render_template(
            "exports/_requested.html",
            exports=shown,
            following=following(scope, made, TOAST),
            list_url=scope.base_url,
        )
    )
    ready = [export.file_url for export in shown if export.file_url]
    if ready:
        answer.headers["HX-Trigger"] = json.dumps({"file-ready": {"address": ready[0]}})
    return answer


def _asked_before(scope: ExportScope, earlier: SentForm) -> ResponseReturnValue:
    """Lead a form sent again to its export; after a double click, say nothing."""
    address = earlier.address or scope.base_url
    if not is_partial():
        return redirect(address, 303)
    if earlier.created_at > datetime.now(UTC) - DOUBLE_CLICK:
        return "", 204
    return render_template("exports/_asked_before.html", address=address)


def _request(scope: ExportScope, event_filter: EventFilter) -> ExportRequest:
    """Read the request of the form, once a super-admin has said why."""
    form = request.form
    chosen = _format()
    workspaces = scope.readable(event_filter.workspace, scope.look_into(event_filter))
    scope.bind_to(workspaces)
    return ExportRequest(
        requester=scope.requester,
        workspaces=workspaces,
        format=chosen,
        options=options(chosen, columns=_columns(scope, chosen), gzip=checked(form.get("gzip"))),
        event_filter=event_filter,
        zone=current.viewer().zone,
        row_limits=limits_here(),
        settings=settings(),
        reader=scope.reader,
        proof=checked(form.get("proof")),
    )


def _columns(scope: ExportScope, chosen: Format) -> Sequence[str]:
    """Return the columns that were ticked, or those of the person's table if they asked for these.

    Otherwise a file holds every column, for a hidden one is hidden from sight, not from the record.
    """
    ticked = request.form.getlist("columns")
    if ticked or not chosen.columns or not checked(request.form.get("as_shown")):
        return ticked
    return shown_columns(current.viewer(), several=scope.several)


def _format() -> Format:
    return format_called(request.form.get("monthly") or request.form.get("format", ""))


def _filter(args: MultiDict[str, str], scope: ExportScope) -> EventFilter:
    """Read the filter; raise FilterError for a parameter that is unknown or wrong."""
    viewer, now = current.viewer(), datetime.now(UTC)
    asked = EventFilter.from_args(
        args, zone=viewer.zone, now=now, date_format=viewer.date_format, beside=FORM_FIELDS
    )
    found = with_current_slugs(db.session(), asked, scope.workspaces)
    log_reading.asked(found)
    return found
