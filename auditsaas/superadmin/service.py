"""Creates, suspends and resumes workspaces; disables and enables accounts.

All of it is written as the app role, and appears in the log of every workspace it concerns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.accounts.models import SignInSession, User
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.errors import Conflict, NotFound
from auditsaas.events.models import actors
from auditsaas.events.schema import TargetInput
from auditsaas.events.system_log import SYSTEM_WORKSPACE_ID
from auditsaas.own_activities import Activity
from auditsaas.platform_access.reasons import ROLE, PlatformActor
from auditsaas.workspaces.models import Membership, Workspace
from auditsaas.workspaces.service import create_workspace, find_workspace, system_workspace

SEE_OTHER = 303


def create(
    session: Session, platform_actor: PlatformActor, name: str, slug: str | None
) -> Workspace:
    """Create a workspace without members.

    Raises:
        Invalid, Conflict: as ``create_workspace`` does.
    """
    tenancy.bind(Scope(user=platform_actor.user_id), session)
    workspace = create_workspace(session, name, slug or None)
    workspace.first_steps = True
    _record(
        session,
        platform_actor,
        Activity.WORKSPACE_CREATE,
        [workspace.id],
        target_workspace(workspace),
    )
    return workspace


def suspend(session: Session, platform_actor: PlatformActor, slug: str) -> None:
    """Refuse the workspace's members and keys, from their very next request on.

    Raises:
        NotFound: there is none of this name, or it is the system workspace.
        Conflict: it is suspended already.
    """
    _switch(session, platform_actor, slug, suspended=True)


def resume(session: Session, platform_actor: PlatformActor, slug: str) -> None:
    """Let the members and keys of a suspended workspace in again; raises like ``suspend``."""
    _switch(session, platform_actor, slug, suspended=False)


def _switch(session: Session, platform_actor: PlatformActor, slug: str, *, suspended: bool) -> None:
    workspace = find_workspace(session, slug)
    if workspace is None or workspace.id == SYSTEM_WORKSPACE_ID:
        raise NotFound("There is no such workspace.")
    tenancy.bind(Scope.of(workspace.id, user=platform_actor.user_id), session)
    activity, changes = switch(session, workspace, suspended=suspended)
    _record(session, platform_actor, activity, [workspace.id], target_workspace(workspace), changes)


def switch(
    session: Session, workspace: Workspace, *, suspended: bool
) -> tuple[Activity, dict[str, list[Any]]]:
    """Suspend or resume a workspace in its scope; return what the caller records.

    Raises:
        Conflict: it is so already.
    """
    session.refresh(workspace, with_for_update=True)
    if (workspace.suspended_at is not None) is suspended:
        raise Conflict(f"{workspace.name} is {'suspended' if suspended else 'not suspended'}.")
    workspace.suspended_at = session.scalar(select(func.now())) if suspended else None
    session.flush()
    states = ["active", "suspended"]
    activity = Activity.WORKSPACE_SUSPEND if suspended else Activity.WORKSPACE_RESUME
    return activity, {"state": states if suspended else states[::-1]}


def disable_user(session: Session, platform_actor: PlatformActor, user_id: UUID) -> None:
    """Shut a person out of every workspace at once; their sessions end.

    Raises:
        NotFound: there is no such person.
        Conflict: they are disabled already, or it is oneself.
    """
    if user_id == platform_actor.user_id:
        raise Conflict("You cannot disable yourself.")
    _turn(session, platform_actor, user_id, disabled=True)
    session.execute(delete(SignInSession).where(SignInSession.user_id == user_id))


def enable_user(session: Session, platform_actor: PlatformActor, user_id: UUID) -> None:
    """Let a person in again, who then signs in anew; raises like ``disable_user``."""
    _turn(session, platform_actor, user_id, disabled=False)


def _turn(
    session: Session, platform_actor: PlatformActor, user_id: UUID, *, disabled: bool
) -> None:
    user = session.scalar(select(User).where(User.id == user_id).with_for_update())
    if user is None:
        raise NotFound("There is no such person.")
    if (user.disabled_at is not None) is disabled:
        raise Conflict(f"{user.name} is {'disabled' if disabled else 'not disabled'}.")
    # Whether the actor may, the function asks; no role that serves people writes the column.
    tenancy.bind(Scope(user=platform_actor.user_id), session)
    session.execute(select(func.set_disabled(user_id, func.now() if disabled else None)))
    tenancy.bind(Scope(user=user_id), session)
    mine = select(Membership.workspace_id).where(Membership.user_id == user_id)
    ids = list(session.scalars(mine))
    tenancy.bind(Scope.of(*ids, user=platform_actor.user_id), session)
    where = ids or [system_workspace(session).id]
    states = ["active", "disabled"] if disabled else ["disabled", "active"]
    _record(
        session,
        platform_actor,
        Activity.USER_DISABLE if disabled else Activity.USER_ENABLE,
        where,
        TargetInput(type="user", id=str(user.id), name=user.name),
        {"status": states},
    )
    follow_status(session, user_id, ids, states[1])


def follow_status(session: Session, user_id: UUID, ids: Sequence[UUID], status: str) -> None:
    """Let the User filter of those logs show a person's status at once."""
    session.execute(
        update(actors)
        .where(actors.c.workspace_id.in_(ids), actors.c.id == str(user_id))
        .values(status=status, as_of=func.greatest(actors.c.as_of, func.now()))
    )


def _record(
    session: Session,
    platform_actor: PlatformActor,
    activity: Activity,
    workspaces: Sequence[UUID],
    target: TargetInput,
    changes: Mapping[str, list[Any]] | None = None,
) -> None:
    own_actions.record(
        session,
        activity,
        workspaces=dict.fromkeys(workspaces, ROLE),
        actor=platform_actor.actor,
        facts=platform_actor.facts,
        status_code=SEE_OTHER,
        targets=[target],
        changes=dict(changes) if changes else None,
    )


def target_workspace(workspace: Workspace) -> TargetInput:
    return TargetInput(type="workspace", id=str(workspace.id), name=workspace.name)
