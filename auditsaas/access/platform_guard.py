"""Guards super-admin access to tenants: it requires a reason and is always recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlencode
from uuid import UUID

from flask import Response, abort, make_response, render_template, request

from auditsaas import current_request, own_actions
from auditsaas.access import current
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.errors import Forbidden
from auditsaas.extensions import db
from auditsaas.workspaces import platform_access
from auditsaas.workspaces.platform_access import PlatformActor
from auditsaas.workspaces.service import SYSTEM_WORKSPACE_ID

ACCESS = "/admin/access"


def require_reason(
    known: Mapping[str, UUID], slugs: Sequence[str], *, itself: bool = False
) -> frozenset[UUID] | None:
    """Require a reason given within the hour, or show the form; ``known`` is slug → id.

    No slug means every workspace. With ``itself`` a reason for all does not do: an event is opened
    only under a reason for its own workspace. Our own workspace of system events needs none.

    Returns the workspaces that may be read under what was said, None for all.
    """
    person = current.require_person()
    named = [slug for slug in dict.fromkeys(slugs) if slug in known]
    wanted = frozenset(known[slug] for slug in named)
    tenants = wanted - {SYSTEM_WORKSPACE_ID}
    reasons = platform_access.reasons_of(db.session(), person.id)
    if reasons.for_all is not None and not (itself and tenants):
        return None
    if wanted and reasons.asked >= tenants:
        return wanted
    if request.method != "GET":
        raise Forbidden("Open the log of these workspaces first, and say why.")
    if current_request.is_partial():
        query = urlencode([*(("workspace", slug) for slug in named), ("next", _page())])
        return abort(Response(status=403, headers={"HX-Redirect": f"{ACCESS}?{query}"}))
    return abort(make_response(form(named, next_url=current_request.own_address())))


def form(slugs: Sequence[str], *, next_url: str, reason: str = "", error: str | None = None) -> str:
    """Render the page that asks for the reason."""
    return render_template(
        "superadmin/reason.html", slugs=slugs, next_url=next_url, reason=reason, error=error
    )


def note_shown(workspaces: Iterable[UUID]) -> None:
    """Record the access in the workspaces whose data the answer shows, and commit."""
    if platform_access.note_shown(db.session(), platform_actor(), workspaces):
        db.session.commit()
    tenancy.bind(Scope(user=current.require_person().id))


def note_page() -> None:
    """Record, where super-admins read it, that one opened a page that tells of every workspace.

    Commits, and leaves only the person's own rows in scope.
    """
    actor = platform_actor()
    platform_access.note_page(db.session(), actor)
    db.session.commit()
    tenancy.bind(Scope(user=actor.user_id))


def platform_actor() -> PlatformActor:
    person = current.require_person()
    actor = own_actions.person(person.id, name=person.name, email=person.email)
    return PlatformActor(user_id=person.id, actor=actor, facts=current_request.facts())


def _page() -> str:
    return current_request.page_of_origin() or "/admin/audit-logs"
