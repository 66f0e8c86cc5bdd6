"""Puts people into workspaces on a super-admin's word, which their admins are told of.

Where the workspace has members, a reason is given and recorded with it, as for a look into the log:
membership opens the log as well. Of a workspace without members none is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from auditsaas.accounts.models import User
from auditsaas.accounts.service import find_by_email
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.errors import Conflict, NotFound
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.permissions import Role
from auditsaas.platform_access.reasons import ROLE, PlatformActor, checked_reason
from auditsaas.superadmin import operator_mails
from auditsaas.workspaces import invitations, members
from auditsaas.workspaces.acting_member import ActingMember
from auditsaas.workspaces.invitations import Sent
from auditsaas.workspaces.models import Membership, Workspace
from auditsaas.workspaces.service import find_workspace


@dataclass(frozen=True)
class Joined:
    """The person who belongs to the workspace now, or the invitation of an address without one."""

    workspace: Workspace
    user: User | None = None
    sent: Sent | None = None


def find_tenant(session: Session, slug: str) -> Workspace:
    """Find a workspace that people may belong to.

    Raises:
        NotFound: there is none of this name.
    """
    workspace = find_workspace(session, slug)
    if workspace is None or workspace.id == SYSTEM_WORKSPACE_ID:
        raise NotFound("There is no workspace with this address.")
    return workspace


def has_members(session: Session, workspace_id: UUID, by: PlatformActor) -> bool:
    """Tell whether a workspace has members, and leave it in the scope."""
    tenancy.bind(Scope.of(workspace_id, user=by.user_id), session)
    mine = select(Membership.user_id).where(Membership.workspace_id == workspace_id)
    return bool(session.scalar(select(exists(mine))))


def put(
    session: Session,
    by: PlatformActor,
    workspace: Workspace,
    email: str,
    role: Role,
    *,
    reason: str = "",
    token: str | None = None,
) -> Joined:
    """Make the account with this address a member, or invite who has none.

    Raises:
        Invalid: that is no address, or the reason that is needed says nothing.
        Conflict: they belong to it already, are invited, or are disabled.
        TooOften: the address, or the workspace, had as many invitations as it may.
    """
    needs_reason = has_members(session, workspace.id, by)
    said = checked_reason(reason) if needs_reason or reason.strip() else ""
    acting = _acting(by, workspace.id, said)
    user = find_by_email(session, email)
    if user is None:
        sent = invitations.invite(session, acting, email, role, token)
        joined, words = Joined(workspace, sent=sent), f"{sent.invitation.email} is invited"
    elif user.disabled_at is not None:
        raise Conflict(f"{user.email} is disabled. Enable the account first.")
    else:
        members.add(session, acting, user, role)
        joined, words = Joined(workspace, user), f"{user.name} is made a member"
    if needs_reason:
        name = by.actor.name or ""
        told = f"{words}, as {role.value}"
        operator_mails.tell_of_super_admin(session, workspace.id, name, told, said)
    return joined


def _acting(by: PlatformActor, workspace_id: UUID, reason: str) -> ActingMember:
    return ActingMember(
        workspace_id=workspace_id,
        user_id=by.user_id,
        actor=by.actor,
        role=ROLE,
        facts=by.facts,
        metadata={"reason": reason} if reason else None,
    )
