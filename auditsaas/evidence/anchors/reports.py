"""Anchors in mailboxes: each report's mail holds the newest checkpoint of its log."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from sqlalchemy import func, insert
from sqlalchemy.orm import Session

from auditsaas.db.ids import new_id
from auditsaas.evidence.anchors.models import AnchorKind, anchors
from auditsaas.evidence.tree import checkpoints
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.evidence.witnesses import holders


def seal(session: Session, workspace_id: UUID) -> Sealed | None:
    """Read the newest checkpoint of a log, with the lines of witnesses under it."""
    newest = checkpoints.newest(session, workspace_id)
    if newest is None:
        return None
    note = holders.whole_note(session, workspace_id, newest)
    return replace(newest, note=note)


def mailed(session: Session, workspace_id: UUID, sealed: Sealed, run_id: UUID) -> None:
    """Keep that a checkpoint goes out with a report's mails, as these are queued."""
    checkpoints.keep(session, workspace_id, sealed.size)
    session.execute(
        insert(anchors).values(
            workspace_id=workspace_id,
            id=new_id(),
            kind=AnchorKind.MAIL.value,
            size=sealed.size,
            receipt=str(run_id).encode(),
            at=func.now(),
            state="made",
        )
    )
