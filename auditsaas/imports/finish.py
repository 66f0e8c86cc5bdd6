"""The end of an import: its state, the notification and the event, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.accounts.models import User
from auditsaas.events.importers.outcome import Refused
from auditsaas.events.schema import ActorInput, TargetInput
from auditsaas.imports.lease import LEASES, Claim
from auditsaas.imports.load import record
from auditsaas.imports.models import Import, ImportState
from auditsaas.imports.outcome import Outcome
from auditsaas.notifications.service import notify
from auditsaas.own_actions import Activity
from auditsaas.workspaces.models import Workspace


def complete(
    session: Session, claim: Claim, outcome: Outcome, sha256: str, counts: dict[str, Any]
) -> None:
    """Say that every line was read, what became of them, and record it.

    Raises:
        LostLease: the claim no longer holds; nothing was changed.
    """
    LEASES.conclude(
        session,
        claim.import_id,
        claim.fence,
        ImportState.DONE,
        file_key=None,
        first_refused=_kept(outcome.first_refused),
        first_conflicts=_kept(outcome.first_conflicts),
        error=None,
        bytes_done=Import.bytes_total,
        **counts,
    )
    whole = replace(outcome, added=counts["added"], already_there=counts["already_there"])
    _tell(session, claim, "import.ready", str(whole))
    record(
        session,
        claim.workspace_id,
        name=claim.name,
        sha256=sha256,
        actor=_actor(session, claim),
        outcome=whole,
    )


def _kept(lines: Sequence[Refused]) -> list[dict[str, str]]:
    return [{"place": line.place, "reason": line.reason} for line in lines]


def fail(session: Session, claim: Claim, reason: str) -> None:
    """End the import in words.

    Raises:
        LostLease: the claim no longer holds; nothing was changed.
    """
    LEASES.conclude(
        session, claim.import_id, claim.fence, ImportState.FAILED, file_key=None, error=reason
    )
    _tell(session, claim, "import.failed", reason)
    own_actions.record(
        session,
        Activity.LOG_IMPORT,
        workspaces=[claim.workspace_id],
        actor=_actor(session, claim),
        status="error",
        targets=[TargetInput(type="file", id=str(claim.import_id), name=claim.name)],
        metadata={"format": claim.format, "reason": reason},
    )


def _tell(session: Session, claim: Claim, kind: str, body: str) -> None:
    slug = session.get_one(Workspace, claim.workspace_id).slug
    notify(
        session,
        claim.requested_by,
        kind=kind,
        title=claim.name,
        body=body,
        url=f"/w/{slug}/imports/{claim.import_id}",
    )


def _actor(session: Session, claim: Claim) -> ActorInput:
    asker = session.get_one(User, claim.requested_by)
    return own_actions.person(asker.id, name=asker.name, email=asker.email)
