"""The first steps of a new workspace, which its admins see until all are done or hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.orm import Session

from auditsaas.accounts.models import User
from auditsaas.first_run import begun
from auditsaas.own_activities import Activity
from auditsaas.schedules.models import Schedule
from auditsaas.workspaces.acting_member import ActingMember
from auditsaas.workspaces.members import HAS_SECOND_FACTOR
from auditsaas.workspaces.models import Invitation, Membership, Workspace


@dataclass(frozen=True)
class Step:
    """One thing to do, and the page where it is done."""

    title: str
    url: str
    is_done: bool


def steps(session: Session, workspace_id: UUID, slug: str, person_id: UUID) -> Sequence[Step]:
    """List the steps with what is done of them; the scope must hold workspace and person."""
    done = session.execute(_done(workspace_id, person_id)).one()
    here = f"/w/{slug}"
    sent = begun.has_begun(session, workspace_id)
    return [
        Step("Send the first event", f"{here}/audit-logs", sent),
        Step("Invite the others", f"{here}/members/invite", done.people),
        Step("Set up your second factor", "/account/security", done.factor),
        Step("Schedule a report", f"{here}/schedules/new", done.schedule),
        Step("Say how long events are kept", f"{here}/settings/retention", done.retention),
    ]


def hide(session: Session, by: ActingMember) -> None:
    """Hide the list for every admin of the workspace, and record it; twice is once."""
    workspace = session.get_one(Workspace, by.workspace_id)
    if workspace.first_steps:
        workspace.first_steps = False
        by.record(session, Activity.WORKSPACE_UPDATE, changes={"first_steps": [True, False]})


def _done(workspace_id: UUID, person_id: UUID) -> Select[bool, Any, bool, bool]:
    """Build the statement that says what is done: one row, of a few looks by key."""
    others = exists().where(
        Membership.workspace_id == workspace_id, Membership.user_id != person_id
    )
    invited = exists().where(Invitation.workspace_id == workspace_id)
    return select(
        or_(others, invited).label("people"),
        func.coalesce(
            select(HAS_SECOND_FACTOR).where(User.id == person_id).scalar_subquery(), False
        ).label("factor"),
        exists().where(Schedule.workspace_id == workspace_id).label("schedule"),
        exists()
        .where(
            Workspace.id == workspace_id,
            or_(Workspace.retention_days.is_not(None), Workspace.legal_hold),
        )
        .label("retention"),
    )
