"""The proof of one event as a file, for people who read the log."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from auditsaas.access import log_reading
from auditsaas.access.loaders import load_workspace
from auditsaas.errors import NotFound
from auditsaas.events.reading import pages
from auditsaas.events.stored import stored_event
from auditsaas.evidence.format.tlog_proof import SUFFIX
from auditsaas.evidence.tree.checked_proofs import event_proof
from auditsaas.extensions import db
from auditsaas.permissions import Permission

event_proofs = Blueprint("event_proofs", __name__, url_prefix="/w/<slug>/events")


@event_proofs.get("/<uuid:event_id>/proof")
def download(slug: str, event_id: UUID) -> Response:
    access = load_workspace(slug, Permission.LOG_READ)
    row = pages.event(db.session(), access.id, event_id)
    if row is None:
        raise NotFound("There is no such event in this workspace, or retention removed it.")
    log_reading.opened(row.workspace_id, row.id)
    proof = event_proof(db.session(), access.id, stored_event(row, access.slug))
    response = Response(proof.text, content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{event_id}{SUFFIX}"'
    return response
