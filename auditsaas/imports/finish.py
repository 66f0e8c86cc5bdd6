"""Finishes an import: sets its state, notifies and records, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.accounts.models import User
from auditsaas.events.importers.outcome import Refused
from auditsaas.events.schema import ActorInput, TargetInput
from auditsaas.imports.kind import ImportClaim
from auditsaas.imports.load import record
from auditsaas.imports.models import Import, ImportState
from auditsaas.imports.outcome import Outcome
from auditsaas.notifications.service import notify
from auditsaas.own_activities import Activity
from auditsaas.workspaces.models import Workspace


@dataclass(frozen=True)
class Loaded:
    """A file that was read to its end."""

    outcome: Outcome
    sha256: str


def complete(session: Session, claim: ImportClaim, loaded: Loaded) -> None:
    """Say that every line was read, what became of them, and record it.

    Raises:
        LostLease: the claim no longer holds; nothing was changed.
    """
    outcome, counted = loaded.outcome, counts(claim, loaded.outcome)
    claim.conclude(
        session,
        ImportState.DONE,
        file_key=None,
        first_refused=_kept(outcome.first_refused),
        first_conflicts=_kept(outcome.first_conflicts),
        error=None,
        # None of its batches said how large the file is, where not one event went in.
        bytes_done=func.coalesce(Import.bytes_total, Import.bytes_done),
        **counted,
    )
    whole = replace(outcome, added=counted["added"], already_there=counted["already_there"])
    _notify(session, claim.row, "import.ready", str(whole))
    record(
        session,
        claim.row.workspace_id,
        name=claim.row.name,
        sha256=loaded.sha256,
        actor=_actor(session, claim.row),
        outcome=whole,
    )


def _kept(lines: Sequence[Refused]) -> list[dict[str, str]]:
    return [{"place": line.place, "reason": line.reason} for line in lines]


def fail(session: Session, claim: ImportClaim, reason: str) -> None:
    """Fail the import with a reason for its requester.

    Raises:
        LostLease: the claim no longer holds; nothing was changed.
    """
    claim.conclude(session, ImportState.FAILED, file_key=None, error=reason)
    asked = claim.row
    _notify(session, asked, "import.failed", reason)
    own_actions.record(
        session,
        Activity.LOG_IMPORT,
        workspaces=[asked.workspace_id],
        actor=_actor(session, asked),
        status="error",
        targets=[TargetInput(type="file", id=str(asked.id), name=asked.name)],
        metadata={"format": asked.format, "reason": reason},
    )


def counts(claim: ImportClaim, outcome: Outcome) -> dict[str, Any]:
    """Add up what all attempts did; to the last, what earlier ones added is already there."""
    added_before = claim.row.added
    return {
        "added": added_before + outcome.added,
        "already_there": max(0, outcome.already_there - added_before),
        "refused": outcome.refused,
        "conflicts": outcome.conflicts,
        "format": outcome.format,
    }


def _notify(session: Session, asked: Import, kind: str, body: str) -> None:
    slug = session.get_one(Workspace, asked.workspace_id).slug
    notify(
        session,
        asked.requested_by,
        kind=kind,
        title=asked.name,
        body=body,
        url=f"/w/{slug}/imports/{asked.id}",
    )


def _actor(session: Session, asked: Import) -> ActorInput:
    requester = session.get_one(User, asked.requested_by)
    return own_actions.person(requester.id, name=requester.name, email=requester.email)
