"""The requests of super-admins that wait for a workspace, and how a second one opens it in need."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from auditsaas.access import platform_guard
from auditsaas.access.current import require_person
from auditsaas.access.loaders import load_platform
from auditsaas.access.once import acts_once
from auditsaas.db.platform import JOBS, platform_session
from auditsaas.errors import Invalid
from auditsaas.extensions import db
from auditsaas.platform_access import requests

access_requests = Blueprint("access_requests", __name__, url_prefix="/admin/access/requests")


@access_requests.before_request
def _only_super_admins() -> None:
    load_platform()


@access_requests.get("")
def index() -> ResponseReturnValue:
    return _page()


@access_requests.post("/<uuid:workspace_id>/<uuid:request_id>/open")
@acts_once
def open_without_approval(workspace_id: UUID, request_id: UUID) -> ResponseReturnValue:
    by, reason = platform_guard.platform_actor(), request.form.get("reason", "")
    try:
        requests.break_glass(db.session(), by, workspace_id, request_id, reason)
    except Invalid as error:
        db.session.rollback()
        return _page(request_id, reason, str(error)), error.status
    db.session.commit()
    return redirect("/admin/access/requests?done=1", 303)


def _page(wrong: UUID | None = None, reason: str = "", error: str | None = None) -> str:
    with platform_session(JOBS) as session:
        waiting = requests.waiting_of_all(session)
    return render_template(
        "superadmin/requests.html",
        waiting=waiting,
        me=require_person().id,
        wrong=wrong,
        reason=reason,
        error=error,
        done=bool(request.args.get("done")),
    )
