"""A finding as a file, and its acknowledgement."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, jsonify, redirect, request
from flask.typing import ResponseReturnValue

from auditsaas.access.loaders import acting_member, load_workspace
from auditsaas.access.once import acts_once
from auditsaas.errors import Invalid
from auditsaas.evidence.checking import service
from auditsaas.extensions import db
from auditsaas.pages.evidence import page
from auditsaas.permissions import Permission

findings = Blueprint("findings", __name__, url_prefix="/w/<slug>/integrity/findings")


@findings.get("/<uuid:finding_id>")
def download(slug: str, finding_id: UUID) -> ResponseReturnValue:
    """Hand out a finding with both hashes and all that is known of it."""
    access = load_workspace(slug, Permission.LOG_READ)
    response = jsonify(service.file_of(db.session(), access.id, finding_id))
    return page.as_file(response, f"{access.slug}-finding-{finding_id}.json")


@findings.post("/<uuid:finding_id>/acknowledge")
@acts_once
def acknowledge(slug: str, finding_id: UUID) -> ResponseReturnValue:
    """Take a finding off the list, with a reason; it is kept, and so is what it found."""
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    service.finding(db.session(), access.id, finding_id)
    reason = request.form.get("reason", "")
    try:
        service.acknowledge(db.session(), access.id, finding_id, acting_member(access), reason)
    except Invalid as error:
        db.session.rollback()
        wrong = {finding_id: str(error)}
        return page.render(access, page.read(access), wrong=wrong, reason=reason), 422
    db.session.commit()
    return redirect(page.address(access), 303)
