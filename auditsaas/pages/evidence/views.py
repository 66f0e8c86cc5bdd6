"""The page that tells whether a log is what was sealed, and the files it hands out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from auditsaas.access import current
from auditsaas.access.loaders import WorkspaceAccess, acting_member, load_workspace
from auditsaas.access.once import acts_once
from auditsaas.current_request import is_partial
from auditsaas.errors import Conflict, Invalid, NotFound
from auditsaas.evidence.checking import service
from auditsaas.evidence.checking.kind import CHECKS
from auditsaas.evidence.tree import checkpoints
from auditsaas.evidence.tree.keys import verifier_keys
from auditsaas.evidence.witnesses.holders import whole_note
from auditsaas.extensions import db
from auditsaas.jobs.turns import send_in_turn
from auditsaas.pages.evidence import anchors, checks, findings, holders, keys, looking_back
from auditsaas.pages.evidence import head as heads
from auditsaas.pages.evidence.copies import Reader
from auditsaas.pages.evidence.saying import Said
from auditsaas.pages.evidence.verdict import verdict
from auditsaas.pages.evidence.verifier_views import program
from auditsaas.permissions import Permission

integrity = Blueprint("integrity", __name__, url_prefix="/w/<slug>/integrity")


@integrity.get("")
def show(slug: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.LOG_READ)
    said, me = _said(access), current.require_person().id
    looking_back.remember(db.session(), access.id, me, head=said.head, back=said.back, at=said.now)
    db.session.commit()
    if said.is_contradicted:
        said = _said(access)
    return _page(access, said)


@integrity.get("/verdict")
def show_verdict(slug: str) -> ResponseReturnValue:
    """Render the sentence alone, again and again while a check is under way."""
    access = load_workspace(slug, Permission.LOG_READ)
    if not is_partial():
        return redirect(_base(access), 303)
    return _verdict(access)


@integrity.post("/check")
@acts_once
def check(slug: str) -> ResponseReturnValue:
    """Ask for a check of everything."""
    access = load_workspace(slug, Permission.LOG_READ)
    if checkpoints.newest(db.session(), access.id) is None:
        raise Conflict("Nothing of this log has been sealed yet.")
    asked = service.ask(db.session(), access.id, acting_member(access))
    db.session.commit()
    send_in_turn(CHECKS, asked)
    return _verdict(access) if is_partial() else redirect(_base(access), 303)


@integrity.post("/findings/<uuid:finding_id>/acknowledge")
@acts_once
def acknowledge(slug: str, finding_id: UUID) -> ResponseReturnValue:
    """Take a finding off the page, with a reason; it is kept, and so is what it found."""
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    service.finding(db.session(), access.id, finding_id)
    reason = request.form.get("reason", "")
    try:
        service.acknowledge(db.session(), access.id, finding_id, acting_member(access), reason)
    except Invalid as error:
        db.session.rollback()
        return _page(access, _said(access), wrong={finding_id: str(error)}, reason=reason), 422
    db.session.commit()
    return redirect(_base(access), 303)


@integrity.get("/findings/<uuid:finding_id>")
def finding_file(slug: str, finding_id: UUID) -> ResponseReturnValue:
    """Hand out a finding as a file, with both hashes and all that is known of it."""
    access = load_workspace(slug, Permission.LOG_READ)
    response = jsonify(service.file_of(db.session(), access.id, finding_id))
    return _as_file(response, f"{access.slug}-finding-{finding_id}.json")


@integrity.get("/checkpoint")
def checkpoint(slug: str) -> ResponseReturnValue:
    """Hand out the newest checkpoint, which is then kept for good, for somebody holds it."""
    access = load_workspace(slug, Permission.LOG_READ)
    sealed = checkpoints.newest(db.session(), access.id)
    if sealed is None:
        raise NotFound("Nothing of this log has been sealed yet.")
    checkpoints.keep(db.session(), access.id, sealed.size)
    note = whole_note(db.session(), access.id, sealed)
    db.session.commit()
    response = Response(note, mimetype="text/plain")
    return _as_file(response, f"{access.slug}-{sealed.size}.checkpoint")


@integrity.get("/keys")
def key_file(slug: str) -> ResponseReturnValue:
    """Hand out the verifier keys, one a line."""
    access = load_workspace(slug, Permission.LOG_READ)
    found = verifier_keys(db.session(), access.id)
    if not found:
        raise NotFound("Nothing of this log has been sealed yet.")
    lines = "".join(f"{key.verifier}\n" for key in found)
    return _as_file(Response(lines, mimetype="text/plain"), f"{access.slug}.vkey")


def _said(access: WorkspaceAccess) -> Said:
    session, now = db.session(), datetime.now(UTC)
    head = heads.read(session, access.workspace)
    return Said(
        head=head,
        back=looking_back.read(session, access.id, current.require_person().id, head),
        checks=checks.read(session, access.id),
        holders=[
            *holders.witnesses(session, access.id, head, now),
            *anchors.listed(session, access.id, now),
        ],
        findings=service.findings(session, access.id),
        viewer=current.viewer(),
        now=now,
    )


def _page(access: WorkspaceAccess, said: Said, **tried: Any) -> str:
    session, shown = db.session(), said.findings[: findings.SHOWN]
    reader = Reader(
        id=current.require_person().id,
        reads_all=access.allows(Permission.EXPORT_READ_ALL),
        exports_url=f"/w/{access.slug}/exports",
        viewer=said.viewer,
    )
    return render_template(
        "evidence/integrity.html",
        workspace=access,
        page=said.head,
        verdict=verdict(said),
        keys=[keys.present(key) for key in said.head.keys],
        holders=said.holders,
        program=program(),
        nights=checks.blocks(said.checks, said.viewer),
        findings=findings.present(session, access.workspace, shown, reader),
        count=len(said.findings),
        acknowledged=service.findings(session, access.id, acknowledged=True),
        may_acknowledge=access.allows(Permission.WORKSPACE_MANAGE),
        **{"wrong": {}, "reason": "", **tried},
    )


def _verdict(access: WorkspaceAccess) -> Response:
    """Answer with the sentence; once nothing is under way any more, the page is loaded anew."""
    made = verdict(_said(access))
    response = make_response(
        render_template("evidence/_verdict.html", workspace=access, verdict=made)
    )
    if not made.again:
        response.headers["HX-Refresh"] = "true"
    return response


def _base(access: WorkspaceAccess) -> str:
    return f"/w/{access.slug}/integrity"


def _as_file(response: Response, name: str) -> Response:
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
