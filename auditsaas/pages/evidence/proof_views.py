"""The proof of one event, for people who read the log: as a file, and checked at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Row

from auditsaas.access import current, log_reading
from auditsaas.access.loaders import WorkspaceAccess, acting_member, load_workspace
from auditsaas.access.once import acts_once
from auditsaas.current_request import is_partial
from auditsaas.errors import NotFound
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.reading import pages
from auditsaas.events.stored import stored_event
from auditsaas.evidence.checking import service
from auditsaas.evidence.checking.kind import CHECKS
from auditsaas.evidence.format.tlog_proof import SUFFIX
from auditsaas.evidence.tree.checked_proofs import NotAsSealed, NotSealed, event_proof
from auditsaas.extensions import db
from auditsaas.jobs.turns import send_in_turn
from auditsaas.pages.audit_log import log_scope
from auditsaas.pages.audit_log.event import page as event_page
from auditsaas.pages.audit_log.event import seal as event_seal
from auditsaas.pages.audit_log.event.seal import ShownSeal
from auditsaas.permissions import Permission

event_proofs = Blueprint("event_proofs", __name__, url_prefix="/w/<slug>/events")


@event_proofs.get("/<uuid:event_id>/proof")
def download(slug: str, event_id: UUID) -> Response:
    access = load_workspace(slug, Permission.LOG_READ)
    row = _event(access, event_id)
    proof = event_proof(db.session(), access.id, stored_event(row, access.slug))
    response = Response(proof.text, content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{event_id}{SUFFIX}"'
    return response


@event_proofs.post("/<uuid:event_id>/check")
@acts_once
def check(slug: str, event_id: UUID) -> ResponseReturnValue:
    """Make the proof of an event anew from what is stored now, and say what came of it.

    Where it is not as it was sealed, a check of everything is asked for, which names what differs.
    """
    access = load_workspace(slug, Permission.LOG_READ)
    row = _event(access, event_id)
    seal = _checked(access, row)
    if is_partial():
        url = f"/w/{access.slug}/integrity"
        return render_template("audit_logs/_seal.html", seal=seal, integrity_url=url)
    scope = log_scope.load(slug)
    context = event_page.context(scope, row, EventFilter(), request.url_root)
    return render_template("audit_logs/event.html", **{**context, "seal": seal})


def _event(access: WorkspaceAccess, event_id: UUID) -> Any:
    row = pages.event(db.session(), access.id, event_id)
    if row is None:
        raise NotFound("There is no such event in this workspace, or retention removed it.")
    log_reading.opened(row.workspace_id, row.id)
    return row


def _checked(access: WorkspaceAccess, row: Row[Any]) -> ShownSeal:
    session, now, viewer = db.session(), datetime.now(UTC), current.viewer()
    described = event_seal.describe_seal(session, row, viewer, now)
    try:
        event_proof(session, access.id, stored_event(row, access.slug))
    except NotSealed:
        return described
    except NotAsSealed:
        asked = service.ask(session, access.id, acting_member(access))
        session.commit()
        send_in_turn(CHECKS, asked)
        return event_seal.contradicted(described, viewer, now)
    return event_seal.confirmed(described, viewer, now)
