"""Tells who outside holds checkpoints of a log, how fresh each is, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.evidence.anchors import places
from auditsaas.evidence.anchors.models import AnchorKind, anchors
from auditsaas.evidence.witnesses import registry


@dataclass(frozen=True)
class Holder:
    """A witness or an anchor that holds a checkpoint of a log."""

    kind: str
    """``witness``, or a kind of anchor: ``mail``, ``s3``, ``tsa``, ``workspace``."""
    name: str
    size: int
    """The events below the checkpoint that it holds; 0 where it holds none yet."""
    at: datetime | None
    required: bool
    error: str | None
    """Why the last try failed, in a sentence."""
    failing_since: datetime | None


def holders(session: Session, workspace_id: UUID) -> list[Holder]:
    """Return the holders of a log, and those that are to be: witnesses first, then anchors."""
    found = [
        Holder("witness", w.name, w.last_size, w.last_at, w.required, w.last_error, w.failing_since)
        for w in registry.listed(session, workspace_id)
    ]
    found += [
        Holder(p.kind, p.name, p.last_size, p.last_at, False, p.last_error, p.failing_since)
        for p in places.listed(session, workspace_id)
    ]
    mailed = session.execute(
        select(anchors.c.size, anchors.c.at)
        .where(anchors.c.workspace_id == workspace_id, anchors.c.kind == AnchorKind.MAIL.value)
        .order_by(anchors.c.at.desc())
        .limit(1)
    ).one_or_none()
    if mailed is not None:
        found.append(Holder("mail", "Report mails", mailed.size, mailed.at, False, None, None))
    return found
