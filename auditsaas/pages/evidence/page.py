"""Puts the page of a log's integrity together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Response, render_template

from auditsaas.access import current
from auditsaas.access.loaders import WorkspaceAccess
from auditsaas.evidence.checking import service
from auditsaas.extensions import db
from auditsaas.pages.evidence import checks, findings, keys, looking_back
from auditsaas.pages.evidence import head as heads
from auditsaas.pages.evidence.copies import Reader
from auditsaas.pages.evidence.holding import anchors, witnesses
from auditsaas.pages.evidence.saying import Said
from auditsaas.pages.evidence.verdict import verdict
from auditsaas.pages.evidence.verifier_views import program
from auditsaas.permissions import Permission


def read(access: WorkspaceAccess) -> Said:
    """Read all that the page says of a log."""
    session, now = db.session(), datetime.now(UTC)
    head = heads.read(session, access.workspace)
    return Said(
        head=head,
        back=looking_back.read(session, access.id, current.require_person().id, head),
        checks=checks.read(session, access.id),
        holders=[
            *witnesses.listed(session, access.id, head, now),
            *anchors.listed(session, access.id, now),
        ],
        findings=service.findings(session, access.id),
        viewer=current.viewer(),
        now=now,
    )


def render(access: WorkspaceAccess, said: Said, **tried: Any) -> str:
    """Render the page; ``tried`` is what was sent and what came of it."""
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
        head=said.head,
        verdict=verdict(said),
        keys=keys.present(session, access.id, said.head.keys),
        holders=said.holders,
        program=program(),
        nights=checks.blocks(said.checks, said.viewer),
        findings=findings.present(session, access.workspace, shown, reader),
        count=len(said.findings),
        acknowledged=service.findings(session, access.id, acknowledged=True),
        may_acknowledge=access.allows(Permission.WORKSPACE_MANAGE),
        **{"wrong": {}, "reason": "", "compared": None, "kept": "", **tried},
    )


def address(access: WorkspaceAccess) -> str:
    return f"/w/{access.slug}/integrity"


def as_file(response: Response, name: str) -> Response:
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
