"""Saves a workspace's settings: at once what keeps more, after a delay what keeps less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas.errors import FieldError, InvalidFields
from auditsaas.events.maintenance import lasting
from auditsaas.events.maintenance.lasting import Lasting, days_before
from auditsaas.own_activities import LASTING
from auditsaas.pending_changes import service
from auditsaas.pending_changes.models import PendingChange
from auditsaas.pending_changes.rules import Rules
from auditsaas.pending_changes.service import Asked
from auditsaas.pending_changes.workspace_kinds import (
    HOLD,
    RETENTION,
    SECOND_FACTOR,
    TWO_ADMINS,
    Weakening,
    weakenings,
)
from auditsaas.workspaces import settings
from auditsaas.workspaces.acting_member import ActingMember
from auditsaas.workspaces.models import Workspace


@dataclass(frozen=True)
class Saved:
    """The workspace as it is now, and what waits since."""

    workspace: Workspace
    asked: Sequence[PendingChange]


def save(
    session: Session,
    actor: ActingMember,
    values: Mapping[str, Any],
    keys: list[str],
    rules: Rules,
    reason: str = "",
) -> Saved:
    """Change what may change at once, and let wait what may not.

    Raises:
        Conflict: another workspace has the slug, or a change waits that takes more away.
        InvalidFields: the reason is too long, or the retention is under the installation's floor.
    """
    reason = service.checked_reason(reason)
    workspace = settings.locked(session, actor.workspace_id)
    refuse_under_floor(workspace, values, rules)
    waiting = weakenings(workspace, values)
    asked = [_ask(session, actor, workspace, values, one, rules, reason) for one in waiting]
    delayed = {one.column for one in waiting}
    at_once = {name: value for name, value in values.items() if name not in delayed}
    _stop_outdone(session, actor, workspace, at_once)
    changed = settings.change(
        session, actor, at_once, keys, metadata={"reason": reason} if reason else None
    )
    return Saved(changed, asked)


def refuse_under_floor(workspace: Workspace, values: Mapping[str, Any], rules: Rules) -> None:
    """Raise InvalidFields where the events would be kept for less than the installation allows."""
    days = values.get("retention_days")
    if days is None or days == workspace.retention_days or days >= rules.min_retention_days:
        return
    least = f"{rules.min_retention_days:,}"
    raise InvalidFields(
        [
            FieldError(
                "retention_days", f"The operator’s floor is {least} days; no admin goes below."
            )
        ]
    )


def removes(session: Session, workspace_id: UUID, days: int, rules: Rules) -> int:
    """Count the events that a retention of ``days`` takes away once it is in effect."""
    effective_at = service.now_of(session, workspace_id) + rules.delay
    cut = days_before(effective_at, days)
    stays = lasting.count(
        session, workspace_id, Lasting(LASTING, rules.own_events_days), effective_at, before=cut
    )
    return settings.events_before(session, workspace_id, cut) - stays


def _ask(
    session: Session,
    actor: ActingMember,
    workspace: Workspace,
    values: Mapping[str, Any],
    one: Weakening,
    rules: Rules,
    reason: str,
) -> PendingChange:
    after = values[one.column]
    asked = Asked(
        kind=one.kind,
        wanted={one.column: after},
        words=one.words(getattr(workspace, one.column), after),
        removes=removes(session, workspace.id, after, rules) if one.kind is RETENTION else None,
    )
    return service.ask(session, actor, asked, rules, reason)


def _stop_outdone(
    session: Session, actor: ActingMember, workspace: Workspace, at_once: Mapping[str, Any]
) -> None:
    """Cancel what waits where the same admin now asks for the opposite."""
    changed = {name for name, value in at_once.items() if getattr(workspace, name, value) != value}
    outdone = {
        "retention_days": [RETENTION],
        "legal_hold": [RETENTION, HOLD],
        "require_second_factor": [SECOND_FACTOR],
        "two_admins": [TWO_ADMINS],
    }
    for column in sorted(changed & outdone.keys()):
        for kind in outdone[column]:
            change = service.waiting_of(session, workspace.id, kind.name)
            if change is not None:
                service.cancel(session, actor, change.id, because="More is kept from now on.")
