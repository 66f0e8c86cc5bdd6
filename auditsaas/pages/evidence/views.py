"""The page that tells whether a log is what was sealed, and the files it hands out."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from auditsaas.access import current
from auditsaas.access.loaders import WorkspaceAccess, acting_member, load_workspace
from auditsaas.access.once import acts_once
from auditsaas.current_request import is_partial
from auditsaas.errors import Conflict, NotFound
from auditsaas.evidence.checking import service
from auditsaas.evidence.checking.kind import CHECKS
from auditsaas.evidence.tree import checkpoints
from auditsaas.evidence.tree.keys import verifier_keys
from auditsaas.evidence.witnesses.holders import whole_note
from auditsaas.extensions import db
from auditsaas.jobs.turns import send_in_turn
from auditsaas.pages.evidence import comparing, looking_back, page
from auditsaas.pages.evidence.verdict import verdict
from auditsaas.permissions import Permission

integrity = Blueprint("integrity", __name__, url_prefix="/w/<slug>/integrity")


@integrity.get("")
def show(slug: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.LOG_READ)
    said, me = page.read(access), current.require_person().id
    looking_back.remember(db.session(), access.id, me, head=said.head, back=said.back, at=said.now)
    db.session.commit()
    if said.is_contradicted:
        said = page.read(access)
    return page.render(access, said)


@integrity.get("/verdict")
def show_verdict(slug: str) -> ResponseReturnValue:
    """Render the sentence alone, again and again while a check is under way."""
    access = load_workspace(slug, Permission.LOG_READ)
    if not is_partial():
        return redirect(page.address(access), 303)
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
    return _verdict(access) if is_partial() else redirect(page.address(access), 303)


@integrity.post("/compare")
@acts_once
def compare(slug: str) -> ResponseReturnValue:
    """Compare a checkpoint that was kept elsewhere with the log of today."""
    access = load_workspace(slug, Permission.LOG_READ)
    said, kept = page.read(access), request.form.get("checkpoint", "")
    compared = comparing.compare(db.session(), access.id, said.head, kept, said.now)
    db.session.commit()
    if compared.fits is False:
        said = page.read(access)
    status = 422 if compared.fits is None else 200
    return page.render(access, said, compared=compared, kept=kept), status


@integrity.get("/checkpoint")
def checkpoint(slug: str) -> ResponseReturnValue:
    """Hand out the newest checkpoint, which is then kept for good, for it is held elsewhere."""
    access = load_workspace(slug, Permission.LOG_READ)
    sealed = checkpoints.newest(db.session(), access.id)
    if sealed is None:
        raise NotFound("Nothing of this log has been sealed yet.")
    checkpoints.keep(db.session(), access.id, sealed.size)
    note = whole_note(db.session(), access.id, sealed)
    db.session.commit()
    response = Response(note, mimetype="text/plain")
    return page.as_file(response, f"{access.slug}-{sealed.size}.checkpoint")


@integrity.get("/keys")
def key_file(slug: str) -> ResponseReturnValue:
    """Hand out the verifier keys, one a line."""
    access = load_workspace(slug, Permission.LOG_READ)
    found = verifier_keys(db.session(), access.id)
    if not found:
        raise NotFound("Nothing of this log has been sealed yet.")
    lines = "".join(f"{key.verifier}\n" for key in found)
    return page.as_file(Response(lines, mimetype="text/plain"), f"{access.slug}.vkey")


def _verdict(access: WorkspaceAccess) -> Response:
    """Answer with the sentence; once nothing is under way any more, the page is loaded anew."""
    made = verdict(page.read(access))
    response = make_response(
        render_template("evidence/_verdict.html", workspace=access, verdict=made)
    )
    if not made.again:
        response.headers["HX-Refresh"] = "true"
    return response
