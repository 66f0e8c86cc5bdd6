"""Does what an operator's commands do to accounts, and records it.

An operator is above every admin, so nothing of it waits; it is recorded in the log of each
workspace of the person and of the installation, and what gives or takes rights is told at once.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas.accounts import resets, second_factor, sessions
from auditsaas.accounts.models import User
from auditsaas.accounts.service import create_user
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.errors import Conflict
from auditsaas.mail import account_mails
from auditsaas.own_actions import Operator
from auditsaas.own_activities import Activity
from auditsaas.superadmin import operator_mails
from auditsaas.superadmin.service import follow_status
from auditsaas.workspaces.account_events import record_for
from auditsaas.workspaces.members import active_admins
from auditsaas.workspaces.models import Membership

LAST_SUPER_ADMIN = (
    "An installation keeps at least one active super-admin. Promote somebody else first."
)


def create(
    session: Session,
    by: Operator,
    email: str,
    *,
    name: str | None,
    password: str,
    is_super_admin: bool,
) -> User:
    """Create a person who can sign in; a super-admin in a session of the tables' owner.

    Raises:
        Invalid, Conflict: as ``create_user`` does.
    """
    user = create_user(session, email, name=name, password=password, is_super_admin=is_super_admin)
    session.flush()
    rights: dict[str, list[Any]] = {"is_super_admin": [None, is_super_admin]}
    record_for(session, Activity.USER_CREATE, user, by, changes=rights)
    if is_super_admin:
        operator_mails.tell_super_admins(session, by, f"{user.name} is made a super-admin")
    return user


def set_password(session: Session, by: Operator, user: User, password: str) -> None:
    """Set a person's password, end their sessions and links, and tell them by mail.

    Raises:
        Invalid: the password is too weak.
    """
    resets.complete(session, user, password)
    record_for(session, Activity.USER_PASSWORD_CHANGE, user, by)
    tenancy.bind(Scope(user=user.id), session)
    account_mails.password_changed(session, user.id)


def sign_out(session: Session, by: Operator, user: User) -> int:
    """End all sessions of a person; return how many there were."""
    ended = sessions.end_all(session, user.id)
    if ended:
        record_for(session, Activity.USER_SESSION_END, user, by, metadata={"sessions": ended})
    return ended


def remove_second_factor(session: Session, by: Operator, user: User) -> None:
    """Remove the second factor of a person who lost it, and end their sessions.

    Raises:
        Conflict: they have none.
    """
    if user.totp_confirmed_at is None:
        raise Conflict(f"{user.email} has no second factor.")
    second_factor.remove(session, user)
    sessions.end_all(session, user.id)
    record_for(session, Activity.USER_SECOND_FACTOR_DISABLE, user, by)


def disable(session: Session, by: Operator, user: User) -> list[UUID]:
    """Shut a person out everywhere, in a session of the owner; their sessions end.

    Return the workspaces that are left without an active admin.

    Raises:
        Conflict: they are disabled already, or the last active super-admin.
    """
    _refuse_same(user, disabled=True)
    _keep_a_super_admin(session, user)
    administered = _administered(session, user)
    _turn(session, by, user, disabled=True)
    sessions.end_all(session, user.id)
    left = []
    for workspace_id in administered:
        words = f"{user.name}, an admin here, is shut out everywhere"
        if not operator_mails.tell_admins(session, workspace_id, by, words):
            left.append(workspace_id)
    return left


def enable(session: Session, by: Operator, user: User) -> None:
    """Let a person in again, in a session of the owner; they sign in anew.

    Raises:
        Conflict: they are not disabled.
    """
    _refuse_same(user, disabled=False)
    _turn(session, by, user, disabled=False)


def promote(session: Session, by: Operator, user: User) -> None:
    """Make a person a super-admin, in a session of the owner, and tell every super-admin.

    Raises:
        Conflict: they are one already.
    """
    if user.is_super_admin:
        raise Conflict(f"{user.email} is a super-admin already.")
    _switch_rights(session, by, user, Activity.USER_PROMOTE, now=True)


def demote(session: Session, by: Operator, user: User) -> None:
    """Make a super-admin one no longer, in a session of the owner; their sessions end.

    Raises:
        Conflict: they are none, or the last active one.
    """
    if not user.is_super_admin:
        raise Conflict(f"{user.email} is no super-admin.")
    _keep_a_super_admin(session, user)
    _switch_rights(session, by, user, Activity.USER_DEMOTE, now=False)


def _switch_rights(
    session: Session, by: Operator, user: User, activity: Activity, *, now: bool
) -> None:
    user.is_super_admin = now
    sessions.end_all(session, user.id)
    session.flush()
    record_for(session, activity, user, by, changes={"is_super_admin": [not now, now]})
    verb = "is made a super-admin" if now else "is a super-admin no longer"
    operator_mails.tell_super_admins(session, by, f"{user.name} {verb}")


def _turn(session: Session, by: Operator, user: User, *, disabled: bool) -> None:
    user.disabled_at = session.scalar(select(func.now())) if disabled else None
    session.flush()
    states = ["active", "disabled"] if disabled else ["disabled", "active"]
    activity = Activity.USER_DISABLE if disabled else Activity.USER_ENABLE
    record_for(session, activity, user, by, changes={"status": states})
    tenancy.bind(Scope(user=user.id), session)
    mine = list(session.scalars(_workspaces_of(user)))
    tenancy.bind(Scope.of(*mine, user=user.id), session)
    follow_status(session, user.id, mine, states[1])


def _refuse_same(user: User, *, disabled: bool) -> None:
    if (user.disabled_at is not None) is disabled:
        raise Conflict(f"{user.email} is {'disabled already' if disabled else 'not disabled'}.")


def _keep_a_super_admin(session: Session, leaving: User) -> None:
    """Raise Conflict if ``leaving`` is the last active super-admin; two who leave take turns."""
    if not leaving.is_super_admin or leaving.disabled_at is not None:
        return
    active = select(User.id).where(User.is_super_admin, User.disabled_at.is_(None))
    locked = session.scalars(active.order_by(User.id).with_for_update()).all()
    if not set(locked) - {leaving.id}:
        raise Conflict(LAST_SUPER_ADMIN)


def _administered(session: Session, user: User) -> list[UUID]:
    """List the workspaces that a person is an active admin of."""
    tenancy.bind(Scope(user=user.id), session)
    mine = list(session.scalars(_workspaces_of(user)))
    tenancy.bind(Scope.of(*mine, user=user.id), session)
    return [one for one in mine if user.id in active_admins(session, one)]


def _workspaces_of(user: User) -> Any:
    return select(Membership.workspace_id).where(Membership.user_id == user.id)
