"""Sets an installation up: super-admin, workspace, its admin and its first key, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.accounts import passwords
from auditsaas.accounts.models import User
from auditsaas.accounts.service import checked_name, normal_email
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.errors import Conflict
from auditsaas.events.schema import TargetInput
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.first_run import links
from auditsaas.first_run.wanted import Wanted
from auditsaas.own_actions import RequestFacts
from auditsaas.own_activities import Activity
from auditsaas.permissions import ApiScope, Role
from auditsaas.platform_access.reasons import ROLE
from auditsaas.workspaces import invitations, key_making, members
from auditsaas.workspaces.account_events import actor_of
from auditsaas.workspaces.acting_member import ActingMember
from auditsaas.workspaces.api_keys import NewKey
from auditsaas.workspaces.invitations import Sent
from auditsaas.workspaces.models import Workspace
from auditsaas.workspaces.service import create_workspace, system_workspace

FIRST_KEY: Final = "First key"
KEY_GOOD_FOR: Final = timedelta(days=365)
OK: Final = 200


class TakenSlug(Conflict):
    """The slug of the first workspace cannot be had."""


@dataclass(frozen=True)
class SetUp:
    """An installation that was set up, with its secrets, which are kept nowhere."""

    user: User
    workspace: Workspace
    key: NewKey
    invitation: Sent | None
    """Of the workspace's admin, where that is another person."""


def set_up(session: Session, token: str, wanted: Wanted, facts: RequestFacts) -> SetUp:
    """Make what a form without errors asks for, in the session's transaction, and record it.

    Raises:
        NotFound: the link opens nothing (any more).
        TakenSlug: a workspace has the slug, made on the command line.
    """
    user = links.make_super_admin(
        session,
        token,
        email=normal_email(wanted.email) or "",
        name=checked_name(wanted.name),
        password_hash=passwords.hashed(wanted.password),
    )
    tenancy.bind(Scope(user=user.id), session)
    try:
        workspace = create_workspace(session, wanted.workspace, wanted.slug or None)
    except Conflict as error:
        raise TakenSlug(str(error)) from error
    workspace.time_zone, workspace.first_steps = wanted.time_zone, True
    _record_user(session, user, workspace, facts)
    by = _acting(user, workspace, facts)
    by.record(session, Activity.WORKSPACE_CREATE, targets=[_target(workspace)], status_code=OK)
    invitation = None
    if wanted.invites:
        invitation = invitations.invite(session, by, wanted.admin_email, Role.ADMIN)
    else:
        members.add(session, by, user, Role.ADMIN, status_code=OK)
    return SetUp(user, workspace, make_first_key(session, by), invitation)


def make_first_key(session: Session, by: ActingMember, number: int | None = None) -> NewKey:
    """Make a key that writes events, and record it."""
    return key_making.create(
        session,
        by,
        name=FIRST_KEY,
        scopes=frozenset({ApiScope.EVENTS_WRITE}),
        expires_at=datetime.now(UTC) + KEY_GOOD_FOR,
        networks=[],
        number=number,
    )


def _record_user(session: Session, user: User, workspace: Workspace, facts: RequestFacts) -> None:
    """Record in the log of the installation who set it up, and that they are its super-admin."""
    system_workspace(session)
    told: dict[str, Any] = {
        "workspaces": [SYSTEM_WORKSPACE_ID],
        "actor": actor_of(user),
        "facts": facts,
        "status_code": OK,
    }
    person = TargetInput(type="user", id=str(user.id), name=user.name)
    rights: dict[str, list[Any]] = {"is_super_admin": [None, True]}
    own_actions.record(session, Activity.USER_CREATE, targets=[person], changes=rights, **told)
    own_actions.record(
        session, Activity.INSTALLATION_SET_UP, targets=[person, _target(workspace)], **told
    )


def _acting(user: User, workspace: Workspace, facts: RequestFacts) -> ActingMember:
    return ActingMember(
        workspace_id=workspace.id,
        user_id=user.id,
        actor=actor_of(user),
        role=ROLE,
        facts=facts,
    )


def _target(workspace: Workspace) -> TargetInput:
    return TargetInput(type="workspace", id=str(workspace.id), name=workspace.name)
