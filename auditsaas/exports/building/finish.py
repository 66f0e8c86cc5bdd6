"""Finishes an export: sets its state, notifies and records, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.accounts.models import User
from auditsaas.events.schema import ActorInput, TargetInput
from auditsaas.exports import wording
from auditsaas.exports.kind import ExportClaim
from auditsaas.exports.models import Export, ExportState
from auditsaas.notifications.service import notify
from auditsaas.own_activities import Activity
from auditsaas.workspaces.models import Workspace

DEFAULT_DAYS = 7


@dataclass(frozen=True)
class Built:
    """A file that is whole and in storage."""

    key: str
    rows: int
    size: int
    sha256: str
    bundle: Bundle | None = None

    @property
    def keys(self) -> list[str]:
        return [self.key, *([self.bundle.key] if self.bundle else [])]


@dataclass(frozen=True)
class Bundle:
    """An archive of a file with its proof, whole and in storage."""

    key: str
    size: int
    sha256: str
    sealed_size: int

    @property
    def columns(self) -> dict[str, Any]:
        return {
            "bundle_key": self.key,
            "bundle_bytes": self.size,
            "bundle_sha256": self.sha256,
            "sealed_size": self.sealed_size,
        }


def complete(session: Session, claim: ExportClaim, built: Built, *, tells: bool = True) -> None:
    """Make the file the export's, notify its requester where that ``tells``, and record it.

    Raises:
        LostLease: the claim no longer holds; nothing was changed.
    """
    claim.conclude(
        session,
        ExportState.READY,
        file_key=built.key,
        rows_done=built.rows,
        rows_total=built.rows,
        bytes=built.size,
        sha256=built.sha256,
        error=None,
        expires_at=func.now() + _kept_for(session, claim.row),
        **(built.bundle.columns if built.bundle else {}),
    )
    export = session.get_one(Export, claim.id)
    if tells:
        outcome = wording.rows(built.rows) + (", with proof" if built.bundle else "")
        _notify(session, export, "export.ready", outcome)
    facts = {"rows": built.rows, "bytes": built.size, "sha256": built.sha256}
    if built.bundle is not None:
        facts |= {"proof": True, "sealed_size": built.bundle.sealed_size}
    _record(session, export, Activity.EXPORT_COMPLETED, "success", facts)


def fail(session: Session, claim: ExportClaim, reason: str) -> None:
    """End the export without a file.

    Raises:
        LostLease: the claim no longer holds; nothing was changed.
    """
    claim.conclude(session, ExportState.FAILED, error=reason)
    export = session.get_one(Export, claim.id)
    _notify(session, export, "export.failed", reason)
    _record(session, export, Activity.EXPORT_FAILED, "error", {"reason": reason})


def _notify(session: Session, export: Export, kind: str, outcome: str) -> None:
    if export.requested_by is None or export.schedule_name is not None:
        return  # the schedule tells its recipients of its reports
    notify(
        session,
        export.requested_by,
        kind=kind,
        title=wording.title(export, wording.viewer_of(export)),
        body=f"{wording.format_name(export.format)} · {outcome}",
        url=wording.own_address(export),
    )


def _record(
    session: Session,
    export: Export,
    activity: Activity,
    status: Literal["success", "error"],
    facts: dict[str, Any],
) -> None:
    own_actions.record(
        session,
        activity,
        workspaces=export.workspace_ids,
        actor=_requester(session, export),
        status=status,
        targets=[TargetInput(type="export", id=str(export.id))],
        metadata={"format": export.format, **facts},
    )


def _requester(session: Session, export: Export) -> ActorInput:
    if export.requested_by is None:
        return own_actions.application(export.requested_by_key, name=export.requester_name)
    person = session.get_one(User, export.requested_by)
    return own_actions.person(person.id, name=person.name, email=person.email)


def _kept_for(session: Session, export: Export) -> timedelta:
    """Return the shortest time that an export's workspaces keep files."""
    days = session.scalar(
        select(func.min(Workspace.export_days)).where(Workspace.id.in_(export.workspace_ids))
    )
    return timedelta(days=days or DEFAULT_DAYS)
