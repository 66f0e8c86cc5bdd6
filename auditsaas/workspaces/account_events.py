"""Sign-ins and changes of an account, recorded in the logs of the person's workspaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.accounts import outbox, passwords, sessions
from auditsaas.accounts.models import User
from auditsaas.accounts.service import find_by_email
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events import system_log
from auditsaas.events.schema import ActorInput, TargetInput
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.own_actions import Operator, RequestFacts
from auditsaas.own_activities import Activity
from auditsaas.workspaces.models import Membership, Workspace
from auditsaas.workspaces.service import system_workspace, workspaces_of

UNKNOWN_PERSON = "unknown"
REFUSED_STATUS = {
    "unknown": 401,
    "password": 401,
    "disabled": 401,
    "second_factor": 401,
    "passkey": 401,
    "too_often": 429,
}


@dataclass(frozen=True)
class Entered:
    """The password was right."""

    session_id: str
    awaits_second_factor: bool
    """The session does not sign in yet: it is only good for giving the second factor."""


def sign_in(
    session: Session, email: str, password: str, facts: RequestFacts, *, entering: str = ""
) -> Entered | None:
    """Sign a person in; None, without a word on what was wrong, where that fails.

    A refusal verifies one password and notes one row, whatever was wrong and for any
    person, so that the work is the same. ``entering`` is the address that they are on their way to.
    """
    user = find_by_email(session, email)
    right = passwords.matches(password, user.password_hash if user else None)
    if user is None or user.password_hash is None:
        outbox.note_refusal(session, email, "unknown", facts)
        return None
    if not right or user.disabled_at is not None:
        outbox.note_refusal(session, email, "disabled" if right else "password", facts)
        return None
    if passwords.outdated(user.password_hash):
        user.password_hash = passwords.hashed(password)
    if user.totp_confirmed_at is not None:
        return Entered(sessions.start(session, user.id, facts, awaits_second_factor=True), True)
    return Entered(enter(session, user, facts, entering=entering), False)


def enter(
    session: Session,
    user: User,
    facts: RequestFacts,
    *,
    second_factor: bool = False,
    entering: str = "",
) -> str:
    """Sign a person in who has shown all that is asked; the id of the session."""
    session_id = sessions.start(session, user.id, facts, second_factor=second_factor)
    record(session, Activity.USER_LOGIN, user, facts, entered=entering)
    return session_id


def sign_out(session: Session, user: User, session_id: str, facts: RequestFacts) -> None:
    sessions.end(session, session_id)
    record(session, Activity.USER_LOGOUT, user, facts)


def record(
    session: Session,
    activity: Activity,
    user: User,
    facts: RequestFacts,
    *,
    status: Literal["success", "error"] = "success",
    status_code: int = 302,
    changes: dict[str, list[Any]] | None = None,
    metadata: dict[str, Any] | None = None,
    occurred_at: datetime | None = None,
    entered: str = "",
) -> None:
    """Record what a person did to their own account in each of their workspaces, as they see it.

    ``entered`` is the address that it led to, or was asked at: the workspace that it is of is told
    all, as the person's home and the log of the installation are.
    """
    _tell(
        session,
        activity,
        user,
        facts=facts,
        entered=entered,
        actor=actor_of(user),
        status=status,
        status_code=status_code,
        changes=changes,
        metadata=metadata,
        occurred_at=occurred_at,
    )


def record_for(
    session: Session,
    activity: Activity,
    user: User,
    operator: Operator,
    *,
    changes: dict[str, list[Any]] | None = None,
    metadata: dict[str, Any] | None = None,
) -> None:
    """Record what an operator did to a person's account in the log of each of their workspaces.

    The log of the installation is told too, which alone is where there are none.
    """
    own_actions.record(
        session,
        activity,
        workspaces=dict.fromkeys(_bind_workspaces(session, user)),
        actor=operator.actor,
        targets=[TargetInput(type="user", id=str(user.id), name=user.name)],
        changes=changes,
        metadata={**operator.metadata, **(metadata or {})},
        copied=True,
    )


def actor_of(user: User) -> ActorInput:
    return own_actions.person(
        user.id,
        name=user.name,
        email=user.email,
        status="active" if user.disabled_at is None else "disabled",
    )


def record_refusal(
    session: Session,
    address: str | None,
    user: User | None,
    reason: str,
    facts: RequestFacts,
    *,
    occurred_at: datetime | None = None,
) -> None:
    """Record a refused sign-in: to the person of the address, or in the installation's log alone.

    What a request notes in the outbox of accounts comes here; no page calls it.
    """
    _tell(
        session,
        Activity.USER_LOGIN,
        user,
        facts=facts,
        actor=actor_of(user) if user else _stranger(address),
        status="error",
        status_code=REFUSED_STATUS[reason],
        metadata={"reason": reason},
        occurred_at=occurred_at,
    )


def _tell(
    session: Session,
    activity: Activity,
    user: User | None,
    *,
    facts: RequestFacts,
    entered: str = "",
    **event: Any,
) -> None:
    """Append an event of an account to the logs of its workspaces, and to the installation's.

    Where a person is, is told in full in the log of the installation, in the workspace that they
    entered and in their home, the one they have belonged to longest. Others are told that it was
    done: being a member somewhere must not let that place watch a life elsewhere.
    """
    roles = _bind_workspaces(session, user)
    home = _home(session, user)
    own_actions.record(
        session,
        activity,
        workspaces=roles,
        facts=facts,
        placeless=roles.keys() - {home, _entered(session, roles, entered)},
        **event,
    )
    if SYSTEM_WORKSPACE_ID not in roles:
        _tell_installation(session, activity, home, facts=facts, **event)


def _tell_installation(session: Session, activity: Activity, home: UUID, **event: Any) -> None:
    """Append a copy to the log of the installation, which names the person's home.

    It comes last, as in ``own_actions``: the head that all share is locked when no other is waited
    for.
    """
    before = system_log.admit(session, SYSTEM_WORKSPACE_ID)
    system_log.ensure(session)
    event["metadata"] = {
        **(event["metadata"] or {}),
        own_actions.COPY_OF: system_log.name_of(session, home),
    }
    own_actions.record(session, activity, workspaces=[SYSTEM_WORKSPACE_ID], **event)
    tenancy.bind(before, session)


def _home(session: Session, user: User | None) -> UUID:
    """Find the workspace that a person has belonged to longest; the installation's without one."""
    found = select(Membership.workspace_id).where(
        Membership.user_id == (user.id if user else None), Membership.disabled_at.is_(None)
    )
    oldest = found.order_by(Membership.created_at, Membership.workspace_id).limit(1)
    return session.scalar(oldest) or SYSTEM_WORKSPACE_ID


def _entered(session: Session, roles: Mapping[UUID, Any], address: str) -> UUID | None:
    """Find which of the workspaces an address is of."""
    parts = urlsplit(address).path.split("/")
    if len(parts) < 3 or parts[1] != "w":
        return None
    named = select(Workspace.id).where(Workspace.slug == parts[2], Workspace.id.in_(roles))
    return session.scalar(named)


def _stranger(address: str | None) -> ActorInput:
    """Build the actor of an address that no account has; None for what was no address."""
    if address is None:
        return ActorInput(id=UNKNOWN_PERSON)
    return ActorInput(id=address, email=address)


def _bind_workspaces(session: Session, user: User | None) -> Mapping[UUID, str | None]:
    """Bind the scope to a person's workspaces, or the system workspace; return their roles."""
    if user is not None:
        tenancy.bind(Scope(user=user.id), session)
        roles = {w.id: role.value for w, role in workspaces_of(session, user.id)}
        if roles:
            tenancy.bind(Scope.of(*roles, user=user.id), session)
            return roles
    else:
        tenancy.bind(Scope(), session)
    return {system_workspace(session).id: None}
