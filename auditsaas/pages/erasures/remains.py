"""Tells what an erasure does not reach, with numbers where they are known."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas.evidence.models import tree_heads
from auditsaas.exports.models import Export, ExportState
from auditsaas.workspaces.models import Membership


def of(session: Session, workspace_id: UUID) -> Sequence[str]:
    """List what stays, and where, in sentences' parts."""
    files = session.scalar(
        select(func.count()).where(
            Export.workspace_ids.any_() == workspace_id, Export.state == ExportState.READY
        )
    )
    kept = "Export files that people downloaded"
    if files:
        noun = "file" if files == 1 else "files"
        kept += f"; {files:,} {noun} kept here until they expire"
    return (
        kept,
        "Reports that schedules have mailed, and other mails",
        "Backups and old copies of the database, until they age out",
        "What others did: events of theirs that name the person, such as a target",
        "Filters that name the person: of views, schedules, exports and readers of the log",
        "Path, request id and idempotency key of the person’s own events",
        "Their account and membership here, where they have one",
        "Copies of settings, sign-ins and people’s rights in the log of the installation",
    )


def sealed(session: Session, workspace_id: UUID) -> int:
    """Return the newest number of the log that is sealed."""
    found = select(tree_heads.c.size).where(tree_heads.c.workspace_id == workspace_id)
    return session.scalar(found) or 0


def is_member(session: Session, workspace_id: UUID, person: str | None) -> bool:
    """Tell whether the person of this actor's id is a member now."""
    try:
        user_id = UUID(person or "")
    except ValueError:
        return False
    return session.get(Membership, (workspace_id, user_id)) is not None
