"""Lists and changes a workspace's members, keeping at least one admin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from auditsaas.accounts.models import Passkey, User
from auditsaas.errors import Conflict, NotFound
from auditsaas.events import folding
from auditsaas.events.event_sources import PRODUCT
from auditsaas.events.models import actors
from auditsaas.events.schema import TargetInput
from auditsaas.own_activities import Activity
from auditsaas.permissions import Role
from auditsaas.workspaces.acting_member import SEE_OTHER, ActingMember
from auditsaas.workspaces.models import Membership, Workspace
from auditsaas.workspaces.service import add_member

ALWAYS = datetime.min.replace(tzinfo=UTC)
LAST_ADMIN = "A workspace keeps at least one active admin. Make somebody else an admin first."
HAS_SECOND_FACTOR = or_(
    User.totp_confirmed_at.is_not(None), exists().where(Passkey.user_id == User.id)
)


@dataclass(frozen=True, kw_only=True)
class Member:
    """One person of a workspace."""

    user_id: UUID
    name: str
    email: str
    role: Role
    active: bool
    second_factor: bool
    joined_at: datetime


def members_of(session: Session, workspace_id: UUID) -> Sequence[Member]:
    """List all members, active or not, by name; the session's scope must hold the workspace."""
    rows = session.execute(
        select(Membership, User, HAS_SECOND_FACTOR)
        .join(User, User.id == Membership.user_id)
        .where(Membership.workspace_id == workspace_id)
        .order_by(func.lower(User.name), User.id)
    )
    return [_member(membership, user, has_factor) for membership, user, has_factor in rows]


def members_called(
    session: Session, workspace_ids: Sequence[UUID], words: str, limit: int
) -> Sequence[tuple[UUID, Member]]:
    """Find members by words of their name or address, each with the workspace."""
    rows = session.execute(
        select(Membership, User, HAS_SECOND_FACTOR)
        .join(User, User.id == Membership.user_id)
        .where(
            Membership.workspace_id.in_(workspace_ids),
            folding.contains((User.name, User.email), words),
        )
        .order_by(func.lower(User.name), User.id, Membership.workspace_id)
        .limit(limit)
    )
    return [(row[0].workspace_id, _member(*row)) for row in rows]


def member_of(session: Session, workspace_id: UUID, user_id: UUID) -> Member:
    """Find one member.

    Raises:
        NotFound: no member has the id.
    """
    membership = _find(session, workspace_id, user_id)
    has_factor = session.scalar(select(HAS_SECOND_FACTOR).where(User.id == user_id))
    return _member(membership, membership.user, bool(has_factor))


def add(
    session: Session,
    actor: ActingMember,
    user: User,
    role: Role,
    *,
    status_code: int = SEE_OTHER,
) -> None:
    """Make a person a member without their asking, as an operator does; record it.

    Raises:
        Conflict: they are one already.
    """
    lock_people(session, actor.workspace_id)
    add_member(session, actor.workspace_id, user.id, role)
    changes: dict[str, list[object]] = {"role": [None, role.value]}
    actor.record(
        session,
        Activity.MEMBER_ADD,
        targets=[target(user)],
        changes=changes,
        status_code=status_code,
    )


def change_role(session: Session, actor: ActingMember, user_id: UUID, role: Role) -> None:
    """Give a member another role.

    Raises:
        NotFound: no member has the id.
        Conflict: the workspace would be left without an active admin.
    """
    lock_people(session, actor.workspace_id)
    membership = _find(session, actor.workspace_id, user_id)
    before = Role(membership.role)
    if before is role:
        return
    if before is Role.ADMIN:
        _keep_an_admin(session, membership)
    membership.role = role.value
    membership.admin_since = _now(session) if role is Role.ADMIN else None
    changes: dict[str, list[object]] = {"role": [before.value, role.value]}
    actor.record(
        session, Activity.MEMBER_ROLE_UPDATE, targets=[target(membership.user)], changes=changes
    )
    _update_actor_status(session, membership, status=_status(membership))


def disable(session: Session, actor: ActingMember, user_id: UUID) -> None:
    """Shut a member out, who stays on the list.

    Raises:
        NotFound: no member has the id.
        Conflict: it is oneself, or the last active admin.
    """
    lock_people(session, actor.workspace_id)
    membership = _find(session, actor.workspace_id, user_id)
    if user_id == actor.user_id:
        raise Conflict("You cannot disable yourself. Another admin can.")
    if membership.disabled_at is not None:
        return
    _keep_an_admin(session, membership)
    membership.disabled_at = datetime.now(UTC)
    _record_status(session, actor, Activity.MEMBER_DISABLE, membership, ["active", "disabled"])


def enable(session: Session, actor: ActingMember, user_id: UUID) -> None:
    """Let a disabled member in again.

    Raises:
        NotFound: no member has the id.
    """
    lock_people(session, actor.workspace_id)
    membership = _find(session, actor.workspace_id, user_id)
    if membership.disabled_at is None:
        return
    membership.disabled_at = None
    if membership.role == Role.ADMIN.value:
        membership.admin_since = _now(session)
    _record_status(session, actor, Activity.MEMBER_ENABLE, membership, ["disabled", "active"])


def remove(session: Session, actor: ActingMember, user_id: UUID) -> None:
    """End a membership, one's own too; what the person did stays in the log.

    Raises:
        NotFound: no member has the id.
        Conflict: the workspace would be left without an active admin.
    """
    lock_people(session, actor.workspace_id)
    membership = _find(session, actor.workspace_id, user_id)
    _keep_an_admin(session, membership)
    changes: dict[str, list[object]] = {"role": [membership.role, None]}
    actor.record(
        session, Activity.MEMBER_REMOVE, targets=[target(membership.user)], changes=changes
    )
    _update_actor_status(session, membership, status="disabled")
    session.execute(
        delete(Membership).where(
            Membership.workspace_id == actor.workspace_id, Membership.user_id == user_id
        )
    )


def lock_people(session: Session, workspace_id: UUID) -> None:
    """Let changes of who belongs to a workspace take turns until the commit."""
    session.execute(
        select(Workspace.id).where(Workspace.id == workspace_id).with_for_update(key_share=True)
    )


def target(user: User) -> TargetInput:
    return TargetInput(type="user", id=str(user.id), name=user.name)


def _find(session: Session, workspace_id: UUID, user_id: UUID) -> Membership:
    found = session.scalar(
        select(Membership)
        .where(Membership.workspace_id == workspace_id, Membership.user_id == user_id)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound("There is no such member here.")
    return found


def _keep_an_admin(session: Session, leaving: Membership) -> None:
    """Raise Conflict if ``leaving`` is the last who can administer the workspace."""
    if leaving.role != Role.ADMIN or leaving.disabled_at is not None:
        return
    another = session.scalar(
        select(Membership.user_id)
        .join(User, User.id == Membership.user_id)
        .where(
            Membership.workspace_id == leaving.workspace_id,
            Membership.user_id != leaving.user_id,
            Membership.role == Role.ADMIN.value,
            Membership.disabled_at.is_(None),
            User.disabled_at.is_(None),
        )
        .limit(1)
    )
    if another is None:
        raise Conflict(LAST_ADMIN)


def _record_status(
    session: Session,
    actor: ActingMember,
    activity: Activity,
    membership: Membership,
    change: list[object],
) -> None:
    actor.record(session, activity, targets=[target(membership.user)], changes={"status": change})
    _update_actor_status(session, membership, status=_status(membership))


def _update_actor_status(session: Session, membership: Membership, *, status: str) -> None:
    """Update the role and status that the log's User filter shows of a member."""
    session.flush()
    session.execute(
        update(actors)
        .where(
            actors.c.workspace_id == membership.workspace_id,
            actors.c.id == str(membership.user_id),
        )
        .values(
            role=membership.role,
            status=status,
            source=PRODUCT,
            as_of=func.greatest(actors.c.as_of, datetime.now(UTC)),
        )
    )


def _member(membership: Membership, user: User, has_factor: bool) -> Member:
    return Member(
        user_id=user.id,
        name=user.name,
        email=user.email,
        role=Role(membership.role),
        active=_status(membership) == "active",
        second_factor=has_factor,
        joined_at=membership.created_at,
    )


def _status(membership: Membership) -> str:
    off = membership.disabled_at is not None or membership.user.disabled_at is not None
    return "disabled" if off else "active"


def active_admins(session: Session, workspace_id: UUID) -> Sequence[UUID]:
    """List the people who may administer a workspace now; its scope must be bound."""
    return list(admins_since(session, workspace_id))


def admins_since(session: Session, workspace_id: UUID) -> dict[UUID, datetime]:
    """Read since when each of them has been an admin, and was not shut out."""
    found = session.execute(
        select(Membership.user_id, Membership.admin_since)
        .join(User, User.id == Membership.user_id)
        .where(
            Membership.workspace_id == workspace_id,
            Membership.role == Role.ADMIN.value,
            Membership.disabled_at.is_(None),
            User.disabled_at.is_(None),
        )
        .order_by(Membership.user_id)
    )
    return {row.user_id: row.admin_since or ALWAYS for row in found}


def _now(session: Session) -> datetime:
    return session.scalars(select(func.now())).one()
