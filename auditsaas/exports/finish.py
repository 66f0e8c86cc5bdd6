"""The end of an export: its state, the notification and the event, in one transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.accounts.models import User
from auditsaas.events.schema import ActorInput, TargetInput
from auditsaas.exports import lease, wording
from auditsaas.exports.lease import Claim
from auditsaas.exports.models import Export, ExportState
from auditsaas.notifications.service import notify
from auditsaas.own_actions import Activity
from auditsaas.workspaces.models import Workspace

DEFAULT_DAYS = 7


def complete(
    session: Session, claim: Claim, *, file_key: str, rows: int, size: int, sha256: str
) -> None:
    """Make the file the export's, tell its asker, and record it.

    Raises:
        LostLease: the claim no longer holds; nothing was changed.
    """
    lease.conclude(
        session,
        claim,
        ExportState.READY,
        file_key=file_key,
        rows_done=rows,
        rows_total=rows,
        bytes=size,
        sha256=sha256,
        error=None,
        expires_at=func.now() + _kept_for(session, claim),
    )
    detail = f"{wording.format_name(claim.format)} · {wording.rows(rows)}"
    _tell(session, claim, "export.ready", detail)
    facts = {"rows": rows, "bytes": size, "sha256": sha256}
    _record(session, claim, Activity.EXPORT_COMPLETED, "success", facts)


def fail(session: Session, claim: Claim, reason: str) -> None:
    """End the export without a file.

    Raises:
        LostLease: the claim no longer holds; nothing was changed.
    """
    lease.conclude(session, claim, ExportState.FAILED, error=reason)
    _tell(session, claim, "export.failed", f"{wording.format_name(claim.format)} · {reason}")
    _record(session, claim, Activity.EXPORT_FAILED, "error", {"reason": reason})


def _tell(session: Session, claim: Claim, kind: str, detail: str) -> None:
    if claim.requested_by is None:
        return
    export = session.get_one(Export, claim.export_id)
    if export.schedule_name is not None:
        return  # whoever receives the schedule's reports is told of this one
    notify(
        session,
        claim.requested_by,
        kind=kind,
        title=wording.plain_title(export),
        body=detail,
        url=wording.own_address(export),
    )


def _record(
    session: Session,
    claim: Claim,
    activity: Activity,
    status: Literal["success", "error"],
    facts: dict[str, Any],
) -> None:
    own_actions.record(
        session,
        activity,
        workspaces=claim.workspace_ids,
        actor=_asker(session, claim),
        status=status,
        targets=[TargetInput(type="export", id=str(claim.export_id))],
        metadata={"format": claim.format, **facts},
    )


def _asker(session: Session, claim: Claim) -> ActorInput:
    if claim.requested_by is None:
        export = session.get_one(Export, claim.export_id)
        return own_actions.application(claim.requested_by_key, name=export.requester_name)
    person = session.get_one(User, claim.requested_by)
    return own_actions.person(person.id, name=person.name, email=person.email)


def _kept_for(session: Session, claim: Claim) -> timedelta:
    """What the strictest of the export's workspaces allows."""
    days = session.scalar(
        select(func.min(Workspace.export_days)).where(Workspace.id.in_(claim.workspace_ids))
    )
    return timedelta(days=days or DEFAULT_DAYS)
