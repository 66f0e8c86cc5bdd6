"""The page of a log that has not begun: what its admin does to send the first event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from flask import current_app, g, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas import current_request
from auditsaas.access.current import require_person
from auditsaas.access.loaders import WorkspaceAccess
from auditsaas.extensions import db, settings
from auditsaas.first_run import begun, refusals
from auditsaas.first_run.refusals import Refusal, Refusals
from auditsaas.first_run.steps import Step, steps
from auditsaas.pages.onboarding import snippets
from auditsaas.permissions import Permission
from auditsaas.workspaces.models import ApiKey

NEWEST_KEYS = 20
"""The keys whose refusals a page waits for: the newest, one of which was just made."""


def instead_of_log() -> str | None:
    """Render the page where it stands in for the log's; None where the log is shown.

    An address with any parameter is of the log, and so is every log for who cannot make its keys.
    """
    access: WorkspaceAccess | None = g.get("workspace")
    if access is None or request.args or current_request.is_partial():
        return None
    if not access.allows(Permission.API_KEY_MANAGE):
        return None
    return None if begun.has_begun(db.session(), access.id) else render(access)


def render(access: WorkspaceAccess, key: str | None = None) -> str:
    """Render the page, with the key that was just made for it."""
    session = db.session()
    return render_template(
        "onboarding/page.html",
        workspace=access,
        steps=steps(session, access.id, access.slug, require_person().id),
        refusal=last_refusal(session, access),
        polls=True,
        **sending(key),
    )


def sending(key: str | None) -> Mapping[str, Any]:
    """Return what the steps to the first event are drawn of."""
    return {
        "key": key,
        "no_key": snippets.NO_KEY,
        "snippets": snippets.of(settings().base_url, key),
    }


def last_refusal(session: Session, access: WorkspaceAccess) -> Refusal | None:
    """Read why a request with one of the workspace's newest keys was refused of late."""
    live = select(ApiKey.public_id).where(
        ApiKey.workspace_id == access.id, ApiKey.revoked_at.is_(None)
    )
    newest = session.scalars(live.order_by(ApiKey.id.desc()).limit(NEWEST_KEYS)).all()
    return wait_for(newest)


def wait_for(public_ids: Sequence[str]) -> Refusal | None:
    """Read why a request with one of these keys was refused, and keep the next refusal."""
    kept = cast(Refusals, current_app.extensions[refusals.EXTENSION])
    return kept.wait_for(public_ids)


def steps_left() -> Sequence[Step]:
    """List the first steps for the log's page; none once all are done or the list is hidden."""
    access: WorkspaceAccess | None = g.get("workspace")
    if access is None or not access.belonging.first_steps:
        return ()
    if not access.allows(Permission.API_KEY_MANAGE):
        return ()
    found = steps(db.session(), access.id, access.slug, require_person().id)
    return () if all(step.is_done for step in found) else found
