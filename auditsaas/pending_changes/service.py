"""Asks for changes that wait, approves and cancels them.

Every step locks the workspace's row first, so that two admins, and the worker that makes a change
whose time has come, take turns: a change is made or cancelled, and never both. All times are the
database's; the delay counts from the newest event too, so a clock set back shortens nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas.accounts.models import User
from auditsaas.errors import Conflict, FieldError, InvalidFields, NotFound
from auditsaas.events.models import log_heads
from auditsaas.formatting import times
from auditsaas.formatting.viewer import DEFAULT
from auditsaas.own_activities import Activity
from auditsaas.pending_changes import recording, telling
from auditsaas.pending_changes.kinds import OWN_PAGES, ChangeKind
from auditsaas.pending_changes.models import ChangeState, PendingChange
from auditsaas.pending_changes.rules import Rules
from auditsaas.workspaces.acting_member import ActingMember
from auditsaas.workspaces.members import admins_since, lock_people
from auditsaas.workspaces.models import Workspace

MAX_REASON = 500
REMINDED_BEFORE = timedelta(days=1)
"""The time before it takes effect at which all admins are told again."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A change as it is asked for."""

    kind: ChangeKind
    wanted: Mapping[str, Any]
    words: str
    subject: str = ""
    removes: int | None = None


def ask(
    session: Session, actor: ActingMember, asked: Asked, rules: Rules, reason: str = ""
) -> PendingChange:
    """Let a change wait, and tell the admins; return the one that waits.

    Asking for the same again changes nothing. One that takes more away than what waits stands in
    its place, with the whole delay before it.

    Raises:
        InvalidFields: the reason is too long, or not printable.
        Conflict: one that takes more away waits; it stands until it is cancelled.
    """
    reason = checked_reason(reason)
    lock_people(session, actor.workspace_id)
    before = waiting_of(session, actor.workspace_id, asked.kind.name, asked.subject)
    if before is not None and before.wanted == dict(asked.wanted):
        return before
    if before is not None:
        if not asked.kind.takes_more(asked.wanted, before.wanted):
            raise Conflict(_stands(session, before))
        end(session, before, ChangeState.REPLACED, by=actor.user_id)
    now = now_of(session, actor.workspace_id)
    change = PendingChange(
        workspace_id=actor.workspace_id,
        kind=asked.kind.name,
        subject=asked.subject,
        wanted=dict(asked.wanted),
        words=asked.words,
        reason=reason or None,
        removes=asked.removes,
        asked_by=actor.user_id,
        asked_at=now,
        effective_at=now + rules.delay,
        # What is told so late is told once.
        reminded_at=now if rules.delay <= REMINDED_BEFORE else None,
        needs_second=asked.kind.needs_second
        or session.get_one(Workspace, actor.workspace_id).two_admins,
    )
    session.add(change)
    session.flush()
    metadata = {"replaces": str(before.id)} if before is not None else {}
    recording.record(session, actor, Activity.CHANGE_REQUEST, change, **metadata)
    telling.tell(session, change, "change.asked", by=actor.actor.name or "")
    return change


def cancel(
    session: Session, actor: ActingMember, change_id: UUID, because: str | None = None
) -> PendingChange:
    """Cancel a change that waits; any admin may.

    Raises:
        NotFound: the workspace has none of this id.
        Conflict: it was made, or cancelled, already.
    """
    change = _locked(session, actor.workspace_id, change_id)
    end(session, change, ChangeState.CANCELLED, by=actor.user_id, because=because)
    recording.record(session, actor, Activity.CHANGE_CANCEL, change)
    telling.tell(session, change, "change.cancelled", by=actor.actor.name or "")
    return change


def approve(
    session: Session, actor: ActingMember, change_id: UUID, rules: Rules, kind: str | None = None
) -> PendingChange:
    """Approve another admin's change; it still waits until its time, and a day at least.

    Who was made an admin within the delay may be another account of who asked, and approves none.
    A kind with a page of its own is approved there, where ``kind`` is given.

    Raises:
        NotFound: the workspace has none of this id.
        Conflict: it no longer waits, needs no approval, or is one's own; or one is a new admin.
    """
    change = _locked(session, actor.workspace_id, change_id)
    if change.kind != kind and (kind is not None or change.kind in OWN_PAGES):
        raise NotFound("There is no such change here.")
    if change.asked_by == actor.user_id:
        raise Conflict("Another admin has to approve what you asked for.")
    if not change.needs_second or change.approved_by is not None:
        raise Conflict("This change needs no further approval.")
    now = now_of(session, actor.workspace_id)
    if admins_since(session, actor.workspace_id).get(actor.user_id, now) > now - rules.delay:
        days = rules.delay.days
        raise Conflict(f"Who has been an admin for less than {days:,} days approves no change.")
    change.approved_by, change.approved_at = actor.user_id, now
    change.effective_at = max(change.effective_at, now + REMINDED_BEFORE)
    session.flush()
    recording.record(session, actor, Activity.CHANGE_APPROVE, change)
    telling.tell(session, change, "change.approved", by=actor.actor.name or "")
    return change


def waiting(session: Session, workspace_id: UUID) -> Sequence[PendingChange]:
    """List the changes of a workspace that wait, but for kinds with a page of their own."""
    found = select(PendingChange).where(
        PendingChange.workspace_id == workspace_id,
        PendingChange.kind.not_in(OWN_PAGES),
        PendingChange.state == ChangeState.WAITING,
    )
    return session.scalars(found.order_by(PendingChange.effective_at, PendingChange.id)).all()


def waiting_of(
    session: Session, workspace_id: UUID, kind: str, subject: str = ""
) -> PendingChange | None:
    """Find the change of a kind, and of one thing, that waits."""
    return session.scalar(
        select(PendingChange)
        .where(
            PendingChange.workspace_id == workspace_id,
            PendingChange.kind == kind,
            PendingChange.subject == subject,
            PendingChange.state == ChangeState.WAITING,
        )
        .execution_options(populate_existing=True)
    )


def newest(session: Session, workspace_id: UUID, limit: int) -> Sequence[PendingChange]:
    """List what was asked for in a workspace, but for kinds with a page of their own."""
    found = select(PendingChange).where(
        PendingChange.workspace_id == workspace_id, PendingChange.kind.not_in(OWN_PAGES)
    )
    return session.scalars(
        found.order_by(PendingChange.asked_at.desc(), PendingChange.id.desc()).limit(limit)
    ).all()


def checked_reason(reason: str) -> str:
    """Return the reason in one line.

    Raises:
        Invalid: it is too long, or not printable.
    """
    reason = " ".join(reason.split())
    if len(reason) > MAX_REASON or not reason.isprintable():
        words = f"A reason has up to {MAX_REASON} printable characters."
        raise InvalidFields([FieldError("reason", words)])
    return reason


def now_of(session: Session, workspace_id: UUID) -> datetime:
    """Read the time of the database, or of the workspace's newest event where that is later."""
    newest_event = select(log_heads.c.last_received_at).where(
        log_heads.c.workspace_id == workspace_id
    )
    now: datetime = session.scalars(
        select(func.greatest(func.now(), newest_event.scalar_subquery()))
    ).one()
    return now


def _locked(session: Session, workspace_id: UUID, change_id: UUID) -> PendingChange:
    lock_people(session, workspace_id)
    change = session.get(PendingChange, (workspace_id, change_id), populate_existing=True)
    if change is None:
        raise NotFound("There is no such change here.")
    if change.state != ChangeState.WAITING:
        raise Conflict(f"This change no longer waits: it is {change.state}.")
    return change


def end(
    session: Session,
    change: PendingChange,
    state: ChangeState,
    *,
    by: UUID | None = None,
    because: str | None = None,
) -> None:
    """End a change that waits; the caller holds the workspace's lock."""
    change.state, change.ended_by, change.ended_because = state, by, because
    change.ended_at = session.scalars(select(func.now())).one()
    session.flush()


def _stands(session: Session, change: PendingChange) -> str:
    asker = session.get_one(User, change.asked_by).name
    when = times.stamp(change.effective_at, DEFAULT)
    return (
        f"{asker} asked for another: {change.words}, on {when}."
        " That stands; cancel it before you ask for less."
    )
