"""Asks for checks of a log, and reads and acknowledges what they found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from auditsaas.errors import Conflict, Invalid, NotFound
from auditsaas.events.schema import TargetInput
from auditsaas.evidence.checking.kind import CHECKS
from auditsaas.evidence.checking.models import CheckKind, TreeCheck, TreeFinding
from auditsaas.evidence.models import tree_heads
from auditsaas.own_activities import Activity
from auditsaas.workspaces.acting_member import NO_MEMBER, ActingMember

MAX_REASON: Final = 1000
NO_FINDING: Final = "There is no such finding."


def ask(session: Session, workspace_id: UUID, by: ActingMember) -> TreeCheck:
    """Ask for a check of the whole log, and record it; the one that is under way, where one is.

    The message is to be sent after the commit: ``send_in_turn(CHECKS, check)``.
    """
    lock = select(tree_heads.c.workspace_id).where(tree_heads.c.workspace_id == workspace_id)
    session.execute(lock.with_for_update(key_share=True))
    under_way = session.scalar(
        _newest(workspace_id).where(CHECKS.leases.unfinished(), TreeCheck.kind == CheckKind.ALL)
    )
    if under_way is not None:
        return under_way
    person = None if by.user_id == NO_MEMBER else by.user_id
    made = TreeCheck(workspace_id=workspace_id, kind=CheckKind.ALL, asked_by=person)
    session.add(made)
    session.flush()
    by.record(session, Activity.TREE_CHECK, metadata={"check": str(made.id)})
    return made


def sample(session: Session, workspace_id: UUID) -> TreeCheck | None:
    """Ask for the nightly check of a sample; None where a check is under way."""
    if session.scalar(_newest(workspace_id).where(CHECKS.leases.unfinished())) is not None:
        return None
    made = TreeCheck(workspace_id=workspace_id, kind=CheckKind.SAMPLE)
    session.add(made)
    session.flush()
    return made


def latest(session: Session, workspace_id: UUID, *kinds: CheckKind) -> TreeCheck | None:
    """Read the newest check of a log, of these kinds or of any; None where there was none."""
    found = _newest(workspace_id)
    return session.scalar(found.where(TreeCheck.kind.in_(kinds)) if kinds else found)


def nights(session: Session, workspace_id: UUID, limit: int = 90) -> Sequence[TreeCheck]:
    """Read the newest nightly checks, the newest first."""
    found = _newest(workspace_id).where(TreeCheck.kind == CheckKind.SAMPLE).limit(limit)
    return session.scalars(found).all()


def findings(
    session: Session, workspace_id: UUID, *, acknowledged: bool = False, limit: int = 500
) -> Sequence[TreeFinding]:
    """Read the findings that are not acknowledged, by number; or those that are."""
    state = TreeFinding.acknowledged_at
    found = select(TreeFinding).where(
        TreeFinding.workspace_id == workspace_id,
        state.is_not(None) if acknowledged else state.is_(None),
    )
    ordered = found.order_by(TreeFinding.seq.nulls_first(), TreeFinding.first_at, TreeFinding.id)
    return session.scalars(ordered.limit(limit)).all()


def count(session: Session, workspace_id: UUID) -> int:
    """Count the findings that are not acknowledged."""
    found = select(func.count()).select_from(TreeFinding)
    mine = TreeFinding.workspace_id == workspace_id, TreeFinding.acknowledged_at.is_(None)
    return session.scalar(found.where(*mine)) or 0


def finding(session: Session, workspace_id: UUID, finding_id: UUID) -> TreeFinding:
    """Read one finding.

    Raises:
        NotFound: the workspace has none of this id.
    """
    found = session.get(TreeFinding, (workspace_id, finding_id))
    if found is None:
        raise NotFound(NO_FINDING)
    return found


def acknowledge(
    session: Session, workspace_id: UUID, finding_id: UUID, by: ActingMember, reason: str
) -> None:
    """Take a finding off the page, with a reason that is recorded; it is kept.

    Raises:
        NotFound: the workspace has none of this id.
        Invalid: the reason says nothing, or too much.
        Conflict: it was acknowledged before.
    """
    reason = reason.strip()
    if not 3 <= len(reason) <= MAX_REASON:
        raise Invalid(f"Say why, in 3 to {MAX_REASON:,} characters.")
    told = session.get(TreeFinding, (workspace_id, finding_id), with_for_update=True)
    if told is None:
        raise NotFound(NO_FINDING)
    if told.acknowledged_at is not None:
        raise Conflict("It was acknowledged before.")
    told.acknowledged_at, told.reason = datetime.now(UTC), reason
    told.acknowledged_by = by.actor.name or by.actor.id
    session.flush()
    by.record(
        session,
        Activity.TREE_ACKNOWLEDGE,
        targets=[TargetInput(type="finding", id=str(finding_id), name=told.found["words"])],
        metadata={"reason": reason, "kind": told.kind, "seq": told.seq},
    )


def file_of(session: Session, workspace_id: UUID, finding_id: UUID) -> dict[str, Any]:
    """Build the finding as a file: all that is known of it, to be kept elsewhere.

    Raises:
        NotFound: the workspace has none of this id.
    """
    told = finding(session, workspace_id, finding_id)
    return {
        "format": "auditsaas-finding-v1",
        "workspace": str(workspace_id),
        "id": str(told.id),
        "first_found": told.first_at.isoformat(),
        "last_found": told.last_at.isoformat(),
        "times_found": told.times,
        **told.found,
    }


def _newest(workspace_id: UUID) -> Select[TreeCheck]:
    found = select(TreeCheck).where(TreeCheck.workspace_id == workspace_id)
    return found.order_by(TreeCheck.created_at.desc(), TreeCheck.id.desc()).limit(1)
