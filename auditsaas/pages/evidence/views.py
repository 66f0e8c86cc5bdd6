"""The page that tells whether a log is what was sealed, and the files it hands out."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue

from auditsaas.access import current, log_reading
from auditsaas.access.loaders import load_workspace
from auditsaas.errors import NotFound
from auditsaas.evidence.tree import checkpoints
from auditsaas.evidence.tree.keys import verifier_keys
from auditsaas.extensions import db
from auditsaas.pages.evidence import head as heads
from auditsaas.pages.evidence.keys import present
from auditsaas.pages.evidence.verdict import Said, verdict
from auditsaas.permissions import Permission

integrity = Blueprint("integrity", __name__, url_prefix="/w/<slug>/integrity")


@integrity.get("")
def show(slug: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.LOG_READ)
    session, me, now = db.session(), current.require_person().id, datetime.now(UTC)
    with log_reading.of_no_event():
        head = heads.read(session, access.workspace)
    back = heads.look_back(session, access.id, me, head)
    if back is None or back.began_so:
        heads.remember(session, access.id, me, head, now)
        session.commit()
    return render_template(
        "evidence/integrity.html",
        workspace=access,
        page=head,
        verdict=verdict(Said(head, back, current.viewer(), now)),
        keys=[present(key) for key in head.keys],
    )


@integrity.get("/checkpoint")
def checkpoint(slug: str) -> ResponseReturnValue:
    """Hand out the newest checkpoint, which is then kept for good, for somebody holds it."""
    access = load_workspace(slug, Permission.LOG_READ)
    sealed = checkpoints.newest(db.session(), access.id)
    if sealed is None:
        raise NotFound("Nothing of this log has been sealed yet.")
    checkpoints.keep(db.session(), access.id, sealed.size)
    db.session.commit()
    return _file(sealed.note, f"{access.slug}-{sealed.size}.checkpoint")


@integrity.get("/keys")
def keys(slug: str) -> ResponseReturnValue:
    """Hand out the verifier keys, one a line."""
    access = load_workspace(slug, Permission.LOG_READ)
    found = verifier_keys(db.session(), access.id)
    if not found:
        raise NotFound("Nothing of this log has been sealed yet.")
    return _file("".join(f"{key.verifier}\n" for key in found), f"{access.slug}.vkey")


def _file(text: str, name: str) -> Response:
    response = Response(text, mimetype="text/plain")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
