"""Guards super-admin access to tenants: it requires a reason and is always recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from flask import Response, abort, make_response, render_template, request
from sqlalchemy.orm import Session

from auditsaas import current_request, own_actions
from auditsaas.access import current, looking
from auditsaas.access.looking import Looking
from auditsaas.db import tenancy
from auditsaas.db.platform import Look
from auditsaas.db.tenancy import Scope
from auditsaas.errors import Forbidden
from auditsaas.extensions import db
from auditsaas.platform_access import reasons
from auditsaas.platform_access.looks import Looker, Question
from auditsaas.platform_access.reasons import PlatformActor
from auditsaas.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.workspaces.models import NamedWorkspace

ACCESS = "/admin/access"

KINDS: Final[Mapping[str, str]] = {
    "audit_logs.log": "rows",
    "audit_logs.suggest": "suggestions",
    "audit_logs.event_as_super_admin": "event",
    "audit_logs.related": "related events",
    "exports.before": "size of an export",
    "exports.ask": "export",
    "exports.index": "list of exports",
    "exports.detail": "own export",
    "exports.download": "own export",
    "superadmin.workspaces": "figures of workspaces",
    "superadmin.users": "people and their workspaces",
}
"""What an endpoint shows, as the event says it; a fragment of the log is called by its name."""


@dataclass(frozen=True)
class Opened:
    """The workspaces that a super-admin may read now."""

    workspaces: Sequence[NamedWorkspace]
    named: frozenset[UUID]
    """Those that were asked for by name."""
    every: bool
    """Opened under a reason for every workspace."""


def require_reason(
    workspaces: Sequence[NamedWorkspace], slugs: Sequence[str], *, itself: bool = False
) -> Opened:
    """Require a reason given within the hour for the workspaces of these slugs, or show the form.

    No slug means every workspace. With ``itself`` a reason for all does not do: an event is opened
    only under a reason for its own workspace. The system workspace needs none.
    """
    known = {workspace.slug: workspace.id for workspace in workspaces}
    named = [slug for slug in dict.fromkeys(slugs) if slug in known]
    wanted = frozenset(known[slug] for slug in named)
    tenants = wanted - {SYSTEM_WORKSPACE_ID}
    given = reasons.reasons_of(db.session(), current.require_person().id)
    if given.for_all is not None and not (itself and tenants):
        return Opened(workspaces, wanted, every=True)
    if wanted and given.asked.keys() >= tenants:
        mine = [workspace for workspace in workspaces if workspace.id in wanted]
        return Opened(mine, wanted, every=False)
    if request.method != "GET":
        raise Forbidden("Open the log of these workspaces first, and say why.")
    if current_request.is_partial():
        query = urlencode([*(("workspace", slug) for slug in named), ("next", _page())])
        return abort(Response(status=403, headers={"HX-Redirect": f"{ACCESS}?{query}"}))
    return abort(make_response(form(named, next_url=current_request.own_address())))


def look_into(opened: Opened, session: Session) -> Looking:
    """Begin a look into what a reason has opened; ``session`` then reads that and no more."""
    ids = frozenset(workspace.id for workspace in opened.workspaces)
    look = Look(every=True) if opened.every else Look(workspaces=ids)
    given = reasons.reasons_of(db.session(), current.require_person().id)
    return _begin(look, ids, opened.named, given.asked, given.for_all, opened.every, session)


def look_over(workspaces: Sequence[NamedWorkspace], session: Session) -> Looking:
    """Begin a look at figures of every workspace, which asks for no reason."""
    ids = frozenset(workspace.id for workspace in workspaces)
    return _begin(Look(every=True), ids, frozenset(), {}, None, True, session)


def look_at(workspaces: frozenset[UUID], session: Session) -> None:
    """Tell workspaces that a super-admin sees what they had asked of them before."""
    given = reasons.reasons_of(db.session(), current.require_person().id)
    look = Look(workspaces=workspaces)
    _begin(look, workspaces, workspaces, given.asked, given.for_all, False, session).note()


def note_page() -> None:
    """Record, where super-admins read it, that one opened a page about the installation.

    Commits, and leaves only the person's own rows in scope.
    """
    actor = platform_actor()
    reasons.note_page(db.session(), actor)
    db.session.commit()
    tenancy.bind(Scope(user=actor.user_id))


def form(slugs: Sequence[str], *, next_url: str, reason: str = "", error: str | None = None) -> str:
    """Render the page that asks for the reason."""
    return render_template(
        "superadmin/reason.html", slugs=slugs, next_url=next_url, reason=reason, error=error
    )


def platform_actor() -> PlatformActor:
    person = current.require_person()
    actor = own_actions.person(person.id, name=person.name, email=person.email)
    return PlatformActor(user_id=person.id, actor=actor, facts=current_request.facts())


def _begin(
    look: Look,
    within: frozenset[UUID],
    named: frozenset[UUID],
    asked: Mapping[UUID, str],
    reason: str | None,
    every: bool,
    session: Session,
) -> Looking:
    looker = Looker(by=platform_actor(), now=datetime.now(UTC), reasons=asked, reason=reason)
    question = Question(kind=_kind(), query=_query(), words=_query(), every=every)
    return looking.begin(
        Looking(
            looker=looker,
            question=question,
            look=look,
            within=within,
            named=named,
            session=session,
        )
    )


def _kind() -> str:
    endpoint = request.endpoint or ""
    fragment = (request.view_args or {}).get("fragment")
    return str(fragment) if fragment else KINDS.get(endpoint, endpoint)


def _query() -> str:
    """Return the query without workspaces and pages, until the page has understood it."""
    beside = ("workspace", "before", "after", "at", "limit", "page", "sort")
    return urlencode(
        [(key, value) for key, value in request.args.items(multi=True) if key not in beside]
    )


def _page() -> str:
    return current_request.page_of_origin() or "/admin/audit-logs"
