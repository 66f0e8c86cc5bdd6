"""Keeps a log's checkpoint as an event of another workspace, whose tree then holds it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.models import log_heads
from auditsaas.events.schema import TargetInput
from auditsaas.evidence.anchors.places import Place
from auditsaas.evidence.anchors.receipt import AnchorFailed, Receipt
from auditsaas.evidence.format.notes import Checkpoint, base64, split
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.own_activities import Activity
from auditsaas.workspaces.models import Workspace


def put(session: Session, brand: str, workspace_id: UUID, place: Place, sealed: Sealed) -> Receipt:
    """Append a checkpoint to the other workspace's log, in the session's transaction.

    Raises:
        AnchorFailed: there is no such workspace any more, or it is suspended.
    """
    other = UUID(place.config["workspace"])
    found = select(Workspace).where(Workspace.id == other, Workspace.suspended_at.is_(None))
    if session.scalar(found) is None:
        raise AnchorFailed("The other workspace is suspended, or is no more.")
    tenancy.bind(Scope.of(workspace_id, other), session)
    _lock(session, workspace_id, other)
    head = Checkpoint.parse(split(sealed.note)[0])
    own_actions.record(
        session,
        Activity.ANCHOR_HOLD,
        workspaces=[other],
        actor=own_actions.installation(brand),
        targets=[TargetInput(type="log", id=head.origin)],
        metadata={"size": head.size, "root": base64(head.root), "note": sealed.note},
    )
    seq = session.scalar(select(log_heads.c.seq).where(log_heads.c.workspace_id == other))
    told = {"workspace": str(other), "seq": seq}
    return Receipt(json.dumps(told).encode(), datetime.now(UTC))


def _lock(session: Session, *workspaces: UUID) -> None:
    """Lock the heads of both logs in one order: each may be anchored in the other just now."""
    both = select(log_heads.c.seq).where(log_heads.c.workspace_id.in_(workspaces))
    session.execute(both.order_by(log_heads.c.workspace_id).with_for_update())
