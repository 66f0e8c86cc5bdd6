"""Shows how much a workspace has used of each of its quotas, and what it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import time

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas.access.loaders import WorkspaceAccess, load_workspace
from auditsaas.events.models import log_heads
from auditsaas.exports.kind import EXPORTS
from auditsaas.exports.models import Export, ExportState
from auditsaas.extensions import db, settings
from auditsaas.imports.kind import IMPORTS
from auditsaas.imports.models import Import
from auditsaas.permissions import Permission
from auditsaas.quotas import current
from auditsaas.quotas.known import JOBS, QUOTAS, Quota, allowed, share
from auditsaas.workspaces.models import Workspace

usage_pages = Blueprint("workspace_usage", __name__, url_prefix="/w/<slug>/settings/usage")


@dataclass(frozen=True, kw_only=True)
class Used:
    """One line of the page."""

    name: str
    title: str
    used: int
    """Rounded up, in the quota's unit."""
    allowed: int | None
    each: int | None
    """What one person or key may use of it."""
    resets_in: int | None = None
    """Seconds, where it is counted by time."""


@usage_pages.get("")
def show(slug: str) -> ResponseReturnValue:
    access = load_workspace(slug, Permission.WORKSPACE_MANAGE)
    return render_template(
        "workspaces/usage.html",
        workspace=access,
        quotas=list(_quotas(access)),
        events=_events(db.session(), access),
        file_bytes=_file_bytes(db.session(), access),
    )


def _quotas(access: WorkspaceAccess) -> Iterator[Used]:
    for quota in QUOTAS:
        if quota.window is not None:
            counted = current.meter().used(f"{quota.name}:{access.id}", quota.window)
            resets_in = quota.window.left(time())
            used = -(-max(0, counted) // quota.unit)
            yield _used(access.workspace, quota, quota.title, used, resets_in)
    for title, used in (
        ("Exports that wait or run", _unfinished_exports(db.session(), access)),
        ("Imports that wait or run", _unfinished_imports(db.session(), access)),
    ):
        yield _used(access.workspace, JOBS, title, used)


def _used(
    workspace: Workspace, quota: Quota, title: str, used: int, resets_in: int | None = None
) -> Used:
    most = allowed(quota, workspace.quotas, settings())
    return Used(
        name=quota.name,
        title=title,
        used=used,
        allowed=most,
        each=None if most is None else share(most, settings()),
        resets_in=resets_in if most is not None else None,
    )


def _unfinished_exports(session: Session, access: WorkspaceAccess) -> int:
    mine = Export.workspace_ids.contains([access.id])
    return session.scalar(select(func.count()).where(EXPORTS.leases.unfinished(), mine)) or 0


def _unfinished_imports(session: Session, access: WorkspaceAccess) -> int:
    mine = Import.workspace_id == access.id
    return session.scalar(select(func.count()).where(IMPORTS.leases.unfinished(), mine)) or 0


def _events(session: Session, access: WorkspaceAccess) -> int:
    kept = select(log_heads.c.seq - log_heads.c.removed)
    return session.scalar(kept.where(log_heads.c.workspace_id == access.id)) or 0


def _file_bytes(session: Session, access: WorkspaceAccess) -> int:
    """Add up the files of exports that can be downloaded."""
    there = Export.workspace_ids.contains([access.id]), Export.state == ExportState.READY
    each = Export.bytes + func.coalesce(Export.bundle_bytes, 0)
    return int(session.scalar(select(func.coalesce(func.sum(each), 0)).where(*there)) or 0)
