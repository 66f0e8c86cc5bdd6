"""Guards super-admin access to tenants: it requires a reason and is always recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.extensions import db
from auditsaas.platform_access import reasons, requests
from auditsaas.platform_access.looks import Looker, Question
from auditsaas.platform_access.reasons import PlatformActor, Reasons
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
    "exports.progress": "own export",
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
    closed: frozenset[UUID] = frozenset()
    """Those that are to be asked first, and have not agreed."""


def require_reason(
    workspaces: Sequence[NamedWorkspace], slugs: Sequence[str], *, itself: bool = False
) -> Opened:
    """Require a reason given within the hour for the workspaces of these slugs, or show the form.

    No slug means every workspace but those that are to be asked first. With ``itself`` a reason for
    all does not do: an event is opened only under a reason for its own workspace. The system
    workspace needs none.
    """
    known = {workspace.slug: workspace.id for workspace in workspaces}
    named = [slug for slug in dict.fromkeys(slugs) if slug in known]
    wanted = frozenset(known[slug] for slug in named)
    tenants = wanted - {SYSTEM_WORKSPACE_ID}
    closed, given = _closed(), _given()
    if wanted & closed:
        _wait_for([slug for slug in named if known[slug] in closed], wanted & closed)
    elif given.for_all is not None and not (itself and tenants):
        open_ones = [workspace for workspace in workspaces if workspace.id not in closed]
        return Opened(open_ones, wanted, every=True, closed=closed)
    elif wanted and given.asked.keys() >= tenants:
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
    look = Look(every=True, closed=opened.closed) if opened.every else Look(workspaces=ids)
    given = _given()
    return _begin(look, ids, opened.named, given.asked, given.for_all, opened.every, session)


def look_over(workspaces: Sequence[NamedWorkspace], session: Session) -> Looking:
    """Begin a look at figures of every workspace, which asks for no reason."""
    closed = _closed()
    ids = frozenset(workspace.id for workspace in workspaces) - closed
    look = Look(every=True, closed=closed)
    return _begin(look, ids, frozenset(), {}, None, True, session)


def look_at(workspaces: frozenset[UUID], session: Session) -> None:
    """Tell workspaces that a super-admin sees what they had asked of them before."""
    given = _given()
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


def refuse_closed(workspaces: Iterable[UUID]) -> None:
    """Refuse what was asked of workspaces that are to be asked first, and have not agreed."""
    if _closed() & frozenset(workspaces):
        raise Forbidden("An admin of its workspace has to approve this first.")


def say_why(reason: str, workspaces: Sequence[UUID]) -> None:
    """Note the reason for these workspaces, or for all where none is given, and ask who must be.

    Raises:
        Invalid: it says nothing, or too much.
    """
    by, session, closed = platform_actor(), db.session(), _closed()
    asked = [key for key in workspaces if key in closed]
    told = [key for key in workspaces if key not in closed]
    if asked:
        requests.ask(session, by, reason, asked)
    if told or not workspaces:
        reasons.give_reason(session, by, reason, told)


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


def _closed() -> frozenset[UUID]:
    return requests.closed(db.session(), current.require_person().id)


def _given() -> Reasons:
    """Read what was said within the hour, and what was asked for and approved."""
    session, person_id = db.session(), current.require_person().id
    given = reasons.reasons_of(session, person_id)
    return replace(given, asked={**given.asked, **requests.approved(session, person_id)})


def _wait_for(slugs: Sequence[str], workspaces: frozenset[UUID]) -> None:
    """Answer that these workspaces were asked and have not answered; go on where one was not."""
    waiting = requests.waiting_of(db.session(), current.require_person().id)
    if request.method != "GET":
        raise Forbidden("An admin of its workspace has to approve this first.")
    if current_request.is_partial() or not workspaces <= {each.workspace_id for each in waiting}:
        return
    asked = [each for each in waiting if each.workspace_id in workspaces]
    abort(make_response(render_template("superadmin/waiting.html", slugs=slugs, asked=asked)))


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
