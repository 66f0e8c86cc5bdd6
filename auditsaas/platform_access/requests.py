"""Access that waits for an admin of the workspace, where the workspace asks for that.

A super-admin's reason is then a request. An admin approves or declines it; or, where none can be
reached, a second super-admin opens the workspace with a reason of their own, which every admin is
told at once. Either way it is open to the one who asked, for four hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, func, select, update
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.accounts.models import User
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.errors import Conflict, Forbidden, NotFound
from auditsaas.events.schema import TargetInput
from auditsaas.notifications.service import notify
from auditsaas.own_activities import Activity
from auditsaas.platform_access.models import AccessRequest, RequestState
from auditsaas.platform_access.reasons import ROLE, PlatformActor, checked_reason
from auditsaas.workspaces.acting_member import SEE_OTHER, ActingMember
from auditsaas.workspaces.members import active_admins
from auditsaas.workspaces.models import Workspace

OPEN_FOR = timedelta(hours=4)
WAITS_FOR = timedelta(days=7)
SHOWN = 50
GIVEN = (RequestState.APPROVED, RequestState.BROKEN)


def closed(session: Session, user_id: UUID) -> frozenset[UUID]:
    """Select the workspaces that a super-admin may not look into before an admin approves.

    The session's scope must be the super-admin's own rows.
    """
    asking = select(Workspace.id).where(Workspace.asks_first)
    ids = set(session.scalars(asking))
    return frozenset(ids - approved(session, user_id).keys()) if ids else frozenset()


def approved(session: Session, user_id: UUID) -> dict[UUID, str]:
    """By workspace, the reason of each request of theirs that is open now."""
    found = select(AccessRequest.workspace_id, AccessRequest.reason).where(
        AccessRequest.user_id == user_id,
        AccessRequest.state.in_(GIVEN),
        AccessRequest.open_until > func.now(),
    )
    return {row.workspace_id: row.reason for row in session.execute(found)}


def waiting_of(session: Session, user_id: UUID) -> Sequence[AccessRequest]:
    """Select what a super-admin waits for; the scope must be theirs."""
    found = select(AccessRequest).where(AccessRequest.user_id == user_id, _waits())
    return session.scalars(found.order_by(AccessRequest.asked_at)).all()


def waiting_of_all(platform: Session) -> Sequence[Any]:
    """Select every request that waits, with its asker and its workspace, oldest first."""
    found = (
        select(
            AccessRequest.workspace_id,
            AccessRequest.id,
            AccessRequest.user_id,
            AccessRequest.reason,
            AccessRequest.asked_at,
            User.name.label("asker"),
            Workspace.name,
            Workspace.slug,
        )
        .join(User, User.id == AccessRequest.user_id)
        .join(Workspace, Workspace.id == AccessRequest.workspace_id)
        .where(_waits())
        .order_by(AccessRequest.asked_at)
    )
    return list(platform.execute(found))


def of_workspace(session: Session, workspace_id: UUID) -> Sequence[Row[Any]]:
    """Select the newest requests of a workspace, with who asked and who decided."""
    decider = User.__table__.alias("decider")
    return session.execute(
        select(AccessRequest, User.name.label("asker"), decider.c.name.label("decider"))
        .join(User, User.id == AccessRequest.user_id)
        .outerjoin(decider, decider.c.id == AccessRequest.decided_by)
        .where(AccessRequest.workspace_id == workspace_id)
        .order_by(AccessRequest.asked_at.desc())
        .limit(SHOWN)
    ).all()


def ask(session: Session, by: PlatformActor, reason: str, workspaces: Sequence[UUID]) -> None:
    """Ask the admins of each workspace, and record it there; what waits already is not doubled.

    Raises:
        Invalid: the reason says nothing, or too much.
    """
    reason = checked_reason(reason)
    tenancy.bind(Scope(user=by.user_id), session)
    waits = {request.workspace_id for request in waiting_of(session, by.user_id)}
    for workspace_id in sorted(set(workspaces) - waits):
        tenancy.bind(Scope.of(workspace_id, user=by.user_id), session)
        request = AccessRequest(workspace_id=workspace_id, user_id=by.user_id, reason=reason)
        session.add(request)
        session.flush()
        _record(session, by, Activity.PLATFORM_REQUEST, request, {"reason": reason})
        _tell_admins(session, request, "access.asked", by=by.actor.name or "", words=reason)
    tenancy.bind(Scope(user=by.user_id), session)


def approve(session: Session, member: ActingMember, request_id: UUID) -> None:
    """Open the workspace to the one who asked, for four hours; raises as ``_decide`` does."""
    _answer(session, member, request_id, RequestState.APPROVED)


def decline(session: Session, member: ActingMember, request_id: UUID) -> None:
    """Refuse a request, or end an access that was given; raises as ``_decide`` does."""
    _answer(session, member, request_id, RequestState.DECLINED)


def break_glass(
    session: Session, by: PlatformActor, workspace_id: UUID, request_id: UUID, reason: str
) -> None:
    """Open a workspace without its approval, as a second super-admin, and tell its admins.

    Raises:
        Invalid: the reason says nothing, or too much.
        NotFound, Forbidden, Conflict: as ``_decide``.
    """
    reason = checked_reason(reason)
    tenancy.bind(Scope.of(workspace_id, user=by.user_id), session)
    request = _decide(session, workspace_id, request_id, by.user_id, RequestState.BROKEN, reason)
    asker = session.get_one(User, request.user_id).name
    told = {"reason": request.reason, "asked_by": asker, "because": reason}
    _record(session, by, Activity.PLATFORM_BREAK_GLASS, request, told)
    words = f"{asker}: {request.reason} · {by.actor.name}: {reason}"
    _tell_admins(session, request, "access.broken", by=by.actor.name or "", words=words)


def _waits() -> ColumnElement[bool]:
    return and_(
        AccessRequest.state == RequestState.WAITING,
        AccessRequest.asked_at > func.now() - WAITS_FOR,
    )


def _answer(session: Session, member: ActingMember, request_id: UUID, state: RequestState) -> None:
    request = _decide(session, member.workspace_id, request_id, member.user_id, state)
    given = state is RequestState.APPROVED
    member.record(
        session,
        Activity.PLATFORM_APPROVE if given else Activity.PLATFORM_DECLINE,
        targets=[_target(session, request)],
        metadata={"reason": request.reason},
    )
    workspace = session.get_one(Workspace, request.workspace_id)
    kind = "access.approved" if given else "access.declined"
    before = Scope.of(member.workspace_id, user=member.user_id)
    tenancy.bind(Scope(user=request.user_id), session)
    facts = _facts(workspace, kind, by=member.actor.name or "", words=request.reason)
    facts["url"] = f"/admin/audit-logs?workspace={workspace.slug}"
    _notify(session, request.user_id, kind, facts, None)
    tenancy.bind(before, session)


def _decide(
    session: Session,
    workspace_id: UUID,
    request_id: UUID,
    user_id: UUID,
    state: RequestState,
    reason: str | None = None,
) -> AccessRequest:
    """Give a request its answer, once.

    Raises:
        NotFound: there is none of this id in the workspace.
        Forbidden: the one who asked does not decide it.
        Conflict: it does not wait any more.
    """
    request = session.get(AccessRequest, (workspace_id, request_id), with_for_update=True)
    if request is None:
        raise NotFound("There is no such request.")
    if request.user_id == user_id:
        raise Forbidden("Somebody else has to decide what you asked for.")
    now = datetime.now(UTC)
    ends = state is RequestState.DECLINED and request.is_open(now)
    if not ends and not request.waits(now, WAITS_FOR):
        raise Conflict("This request is answered already, or its time is over.")
    opened = None if state is RequestState.DECLINED else now + OPEN_FOR
    session.execute(
        update(AccessRequest)
        .where(AccessRequest.workspace_id == workspace_id, AccessRequest.id == request_id)
        .values(state=state, decided_by=user_id, decided_at=now, open_until=opened, because=reason)
    )
    session.refresh(request)
    return request


def _target(session: Session, request: AccessRequest) -> TargetInput:
    asker = session.get_one(User, request.user_id)
    return TargetInput(type="user", id=str(asker.id), name=asker.name)


def _record(
    session: Session,
    by: PlatformActor,
    activity: Activity,
    request: AccessRequest,
    metadata: dict[str, Any],
) -> None:
    own_actions.record(
        session,
        activity,
        workspaces={request.workspace_id: ROLE},
        actor=by.actor,
        facts=by.facts,
        status_code=SEE_OTHER,
        targets=[_target(session, request)],
        metadata=metadata,
    )


def _tell_admins(
    session: Session, request: AccessRequest, kind: str, *, by: str, words: str
) -> None:
    """Tell every admin by the bell and by mail, which no choice of theirs switches off."""
    before = session.info["scope"]
    workspace = session.get_one(Workspace, request.workspace_id)
    facts = _facts(workspace, kind, by=by, words=words)
    for user_id in active_admins(session, request.workspace_id):
        tenancy.bind(Scope.of(request.workspace_id, user=user_id), session)
        _notify(session, user_id, kind, facts, request.workspace_id)
    tenancy.bind(before, session)


def _notify(
    session: Session, user_id: UUID, kind: str, facts: dict[str, Any], tenant: UUID | None
) -> None:
    notify(
        session,
        user_id,
        kind=kind,
        title=facts["title"],
        body=facts["body"],
        url=facts["url"],
        tenant=tenant,
        facts=facts,
        always=True,
    )


TITLES = {
    "access.asked": "A super-admin asks to look into {name}",
    "access.approved": "You may look into {name}",
    "access.declined": "You may not look into {name}",
    "access.broken": "Two super-admins opened {name} without your approval",
}


def _facts(workspace: Workspace, kind: str, *, by: str, words: str) -> dict[str, Any]:
    return {
        "title": TITLES[kind].format(name=workspace.name),
        "body": f"By {by}. “{words}”",
        "url": f"/w/{workspace.slug}/access-requests",
        "workspace": workspace.name,
        "by": by,
        "words": words,
        "hours": OPEN_FOR // timedelta(hours=1),
    }
