"""Makes the changes whose time has come, each once, and reminds of those whose time is near.

A worker may run this late, twice, or beside another: the workspace's row is locked, and the change
is read again under the lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.accounts.models import User
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.errors import DomainError
from auditsaas.own_activities import Activity
from auditsaas.pending_changes import recording, service, telling
from auditsaas.pending_changes.kinds import Kinds
from auditsaas.pending_changes.models import ChangeState, PendingChange
from auditsaas.permissions import Role
from auditsaas.workspaces.acting_member import ActingMember
from auditsaas.workspaces.members import active_admins, lock_people
from auditsaas.workspaces.models import Workspace

LEAST_NOTICE = service.REMINDED_BEFORE - timedelta(hours=1)
"""How long before it takes effect the reminder was sent at least; else it is put off."""

ASKER_LEFT = "Who asked for it is no longer an admin, and no other admin approved it."


@dataclass(frozen=True)
class Settled:
    """A change, and whether it has just taken effect."""

    change: PendingChange
    applied: bool


def unsettled(platform: Session, limit: int = 500) -> Sequence[tuple[UUID, UUID]]:
    """Select workspace and id of every change that waits, the next one first."""
    rows = platform.execute(
        select(PendingChange.workspace_id, PendingChange.id)
        .where(PendingChange.state == ChangeState.WAITING)
        .order_by(PendingChange.effective_at, PendingChange.id)
        .limit(limit)
    )
    return [(row.workspace_id, row.id) for row in rows]


def settle(
    session: Session, workspace_id: UUID, change_id: UUID, *, kinds: Kinds, brand: str
) -> Settled | None:
    """Make one change that is due, remind of it, put it off, or cancel it; None where it ended.

    One whose asker is no longer an admin ends, unless another admin approved it.
    """
    tenancy.bind(Scope.of(workspace_id), session)
    lock_people(session, workspace_id)
    change = session.get(PendingChange, (workspace_id, change_id), populate_existing=True)
    if change is None or change.state != ChangeState.WAITING:
        return None
    worker = _worker(workspace_id, brand)
    if not _still_asked_for(session, change):
        _cancel(session, worker, change, ASKER_LEFT)
        return Settled(change, applied=False)
    if _puts_off(session, change) or not _is_due(session, change):
        return Settled(change, applied=False)
    return Settled(change, applied=_apply(session, worker, change, kinds))


def _apply(session: Session, worker: ActingMember, change: PendingChange, kinds: Kinds) -> bool:
    asker = session.get_one(User, change.asked_by)
    on_behalf = ActingMember(
        workspace_id=change.workspace_id,
        user_id=asker.id,
        actor=own_actions.person(asker.id, name=asker.name, email=asker.email),
        role=Role.ADMIN.value,
        facts=None,
    )
    try:
        with session.begin_nested():
            kinds[change.kind].apply(session, on_behalf, change)
    except DomainError as error:
        _cancel(session, worker, change, str(error))
        return False
    service.end(session, change, ChangeState.APPLIED)
    if kinds[change.kind].goes_on:
        return True
    recording.record(session, worker, Activity.CHANGE_APPLY, change, asked_by=str(asker.id))
    telling.tell(session, change, "change.applied", by=asker.name)
    return True


def _cancel(session: Session, worker: ActingMember, change: PendingChange, because: str) -> None:
    service.end(session, change, ChangeState.CANCELLED, because=because)
    recording.record(session, worker, Activity.CHANGE_CANCEL, change)
    telling.tell(session, change, "change.cancelled", by=worker.actor.name or "")


def _still_asked_for(session: Session, change: PendingChange) -> bool:
    admins = active_admins(session, change.workspace_id)
    return change.asked_by in admins or change.approved_by in admins


def _puts_off(session: Session, change: PendingChange) -> bool:
    """Remind in time, or else give the day that was promised; whether it has to wait for it.

    While a workspace is suspended its admins cannot cancel, so what would take effect waits.
    """
    now = session.scalars(select(func.now())).one()
    if session.get_one(Workspace, change.workspace_id).suspended_at is not None:
        change.effective_at = max(change.effective_at, now + service.REMINDED_BEFORE)
        change.reminded_at = None
        session.flush()
        return True
    if change.reminded_at is not None or change.effective_at - service.REMINDED_BEFORE > now:
        return False
    change.reminded_at = now
    change.effective_at = max(change.effective_at, now + LEAST_NOTICE)
    asker = session.get_one(User, change.asked_by).name
    telling.tell(session, change, "change.reminder", by=asker)
    return True


def _is_due(session: Session, change: PendingChange) -> bool:
    now = session.scalars(select(func.now())).one()
    return change.effective_at <= now and (not change.needs_second or bool(change.approved_by))


def _worker(workspace_id: UUID, brand: str) -> ActingMember:
    return ActingMember(
        workspace_id=workspace_id,
        user_id=UUID(int=0),
        actor=own_actions.installation(brand),
        role="",
        facts=None,
    )
