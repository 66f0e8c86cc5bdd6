"""Sign-ins and changes of an account, recorded in the log of each of the person's workspaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.accounts import passwords, sessions
from auditsaas.accounts.models import User
from auditsaas.accounts.service import find_by_email, normal_email
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.schema import ActorInput, TargetInput
from auditsaas.own_actions import RequestFacts
from auditsaas.own_activities import Activity
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


def sign_in(session: Session, email: str, password: str, facts: RequestFacts) -> Entered | None:
    """Sign a person in; None, without a word on what was wrong, where that fails.

    Either way one password is verified and the attempt is recorded, so the work is the same.
    """
    user = find_by_email(session, email)
    right = passwords.matches(password, user.password_hash if user else None)
    if user is None or user.password_hash is None:
        record_refusal(session, email, user, "unknown", facts)
        return None
    if not right or user.disabled_at is not None:
        record_refusal(session, email, user, "disabled" if right else "password", facts)
        return None
    if passwords.outdated(user.password_hash):
        user.password_hash = passwords.hashed(password)
    if user.totp_confirmed_at is not None:
        return Entered(sessions.start(session, user.id, facts, awaits_second_factor=True), True)
    return Entered(enter(session, user, facts), False)


def enter(session: Session, user: User, facts: RequestFacts, *, second_factor: bool = False) -> str:
    """Sign a person in who has shown all that is asked; the id of the session."""
    session_id = sessions.start(session, user.id, facts, second_factor=second_factor)
    record(session, Activity.USER_LOGIN, user, facts)
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
) -> None:
    """Record what a person did to their own account in each of their workspaces, as they see it."""
    own_actions.record(
        session,
        activity,
        workspaces=_bind_workspaces(session, user),
        actor=actor_of(user),
        status=status,
        facts=facts,
        status_code=status_code,
        changes=changes,
        metadata=metadata,
    )


def record_for(session: Session, activity: Activity, user: User, operator: ActorInput) -> None:
    """Record what an operator did to a person's account in each of their workspaces."""
    own_actions.record(
        session,
        activity,
        workspaces=dict.fromkeys(_bind_workspaces(session, user)),
        actor=operator,
        targets=[TargetInput(type="user", id=str(user.id), name=user.name)],
    )


def actor_of(user: User) -> ActorInput:
    return own_actions.person(
        user.id,
        name=user.name,
        email=user.email,
        status="active" if user.disabled_at is None else "disabled",
    )


def record_refusal(
    session: Session, email: str, user: User | None, reason: str, facts: RequestFacts
) -> None:
    own_actions.record(
        session,
        Activity.USER_LOGIN,
        workspaces=_bind_workspaces(session, user),
        actor=actor_of(user) if user else _stranger(email),
        status="error",
        facts=facts,
        status_code=REFUSED_STATUS[reason],
        metadata={"reason": reason},
    )


def _stranger(email: str) -> ActorInput:
    """Build the actor for an unknown email; other input is dropped, it may be a password."""
    address = normal_email(email)
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
