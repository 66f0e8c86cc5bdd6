"""Records each step of a pending change in the workspace's log."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from auditsaas.events.schema import TargetInput
from auditsaas.own_activities import Activity
from auditsaas.pending_changes.kinds import OWN_PAGES
from auditsaas.pending_changes.models import PendingChange
from auditsaas.workspaces.acting_member import ActingMember


def record(
    session: Session,
    actor: ActingMember,
    activity: Activity,
    change: PendingChange,
    **metadata: Any,
) -> None:
    """Record one step, with what the change is and when it takes effect."""
    told = {
        "kind": change.kind,
        "wanted": change.wanted,
        "effective_at": change.effective_at.isoformat(),
        "reason": change.reason,
        "removes": change.removes,
        "because": change.ended_because,
        **metadata,
    }
    own = OWN_PAGES.get(change.kind)
    actor.record(
        session,
        own.activities.get(activity, activity) if own else activity,
        targets=[TargetInput(type="change", id=str(change.id), name=change.words)],
        metadata={name: value for name, value in told.items() if value is not None},
    )
