"""The requests of super-admins to look into a workspace, which an admin answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from auditsaas.access.loaders import acting_member, load_workspace
from auditsaas.access.once import acts_once
from auditsaas.extensions import db
from auditsaas.permissions import Permission
from auditsaas.platform_access import requests
from auditsaas.platform_access.requests import OPEN_FOR, WAITS_FOR
from auditsaas.workspaces.acting_member import ActingMember

access_pages = Blueprint("workspace_access", __name__, url_prefix="/w/<slug>/access-requests")

DONE = {"approved": "They may look, for four hours.", "declined": "They may not look."}

Answer = Callable[[Session, ActingMember, UUID], None]


@access_pages.get("")
def show(slug: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    now = datetime.now(UTC)
    found = requests.of_workspace(db.session(), access.id)
    return render_template(
        "workspaces/access_requests.html",
        workspace=access,
        rows=[
            {
                "request": row.AccessRequest,
                "asker": row.asker,
                "decider": row.decider,
                "waits": row.AccessRequest.waits(now, WAITS_FOR),
                "open": row.AccessRequest.is_open(now),
            }
            for row in found
        ],
        hours=OPEN_FOR.total_seconds() / 3600,
        asks_first=access.workspace.asks_first,
        done=DONE.get(request.args.get("done", "")),
    )


@access_pages.post("/<uuid:request_id>/approve")
@acts_once
def approve(slug: str, request_id: UUID) -> ResponseReturnValue:
    return _answered(slug, request_id, requests.approve, "approved")


@access_pages.post("/<uuid:request_id>/decline")
@acts_once
def decline(slug: str, request_id: UUID) -> ResponseReturnValue:
    # To refuse gives nothing away, and may be urgent.
    return _answered(slug, request_id, requests.decline, "declined", recent=False)


def _answered(
    slug: str, request_id: UUID, answer: Answer, word: str, *, recent: bool | None = None
) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE, recent=recent)
    answer(db.session(), acting_member(access), request_id)
    db.session.commit()
    return redirect(f"/w/{access.slug}/access-requests?done={word}", 303)
