"""The changes of a workspace that wait, and what was asked for before, as pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas.access.loaders import WorkspaceAccess
from auditsaas.accounts.models import User
from auditsaas.pending_changes import service
from auditsaas.pending_changes.models import ChangeState, PendingChange

EARLIER = 10
DONE = {
    "asked": "The change waits. Every admin was told, and any of you can cancel it.",
    "cancelled": "The change is cancelled.",
    "approved": "The change is approved.",
}


@dataclass(frozen=True, kw_only=True)
class ShownChange:
    """A change, and the names of those who had to do with it."""

    change: PendingChange
    asked_by: str
    approved_by: str | None
    ended_by: str | None
    percent: int
    """How much of its delay has passed."""
    left: str
    """`6 d 23 h`."""
    may_approve: bool
    export_url: str | None
    """Where the events that would go can be exported first."""

    @property
    def needs_approval(self) -> bool:
        return self.change.needs_second and self.change.approved_by is None

    @property
    def tone(self) -> str:
        return {ChangeState.CANCELLED: "red", ChangeState.APPLIED: "blue"}.get(
            ChangeState(self.change.state), ""
        )


def waiting(session: Session, access: WorkspaceAccess, me: UUID) -> Sequence[ShownChange]:
    """List what waits, the next one first."""
    return _shown(session, service.waiting(session, access.id), me, access.slug)


def earlier(session: Session, workspace_id: UUID) -> Sequence[ShownChange]:
    """List what was asked for last, however it ended."""
    return _shown(session, service.newest(session, workspace_id, EARLIER), None, "")


def _shown(
    session: Session, changes: Sequence[PendingChange], me: UUID | None, slug: str
) -> Sequence[ShownChange]:
    ids = {
        person
        for one in changes
        for person in (one.asked_by, one.approved_by, one.ended_by)
        if person is not None
    }
    found = session.execute(select(User.id, User.name).where(User.id.in_(ids)))
    names: dict[UUID, str] = {row.id: row.name for row in found}
    now = session.scalars(select(func.now())).one()
    return [
        ShownChange(
            change=one,
            asked_by=names[one.asked_by],
            approved_by=names.get(one.approved_by) if one.approved_by else None,
            ended_by=names.get(one.ended_by) if one.ended_by else None,
            percent=_percent(one, now),
            left=_span((one.effective_at - now).total_seconds()),
            may_approve=one.needs_second and one.approved_by is None and one.asked_by != me,
            export_url=_export_url(one, slug),
        )
        for one in changes
    ]


def _percent(change: PendingChange, now: datetime) -> int:
    whole = (change.effective_at - change.asked_at).total_seconds()
    passed = (now - change.asked_at).total_seconds()
    return max(0, min(100, round(100 * passed / whole))) if whole > 0 else 100


def _span(seconds: float) -> str:
    hours = max(0, int(seconds // 3600))
    if hours < 1:
        return f"{max(0, int(seconds // 60))} min"
    return f"{hours // 24} d {hours % 24} h" if hours >= 24 else f"{hours} h"


def _export_url(change: PendingChange, slug: str) -> str | None:
    """Lead to the log, filtered to what goes, from where it can be downloaded."""
    if not change.removes:
        return None
    end = change.goes_before
    return None if end is None else f"/w/{slug}/audit-logs?{urlencode({'to': end.isoformat()})}"
