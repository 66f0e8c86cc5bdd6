"""Removes the oldest leaves of a log, whole tiles of them, once no event of theirs is left.

Only the oldest go, one after the other (C2SP tlog-tiles, Pruning): proofs of later numbers, and of
the log as a whole, hold as before, and those of the numbers that went say so.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine, Row, delete, func, select, text, update
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.models import events
from auditsaas.evidence.format import leaf
from auditsaas.evidence.models import TILE, tree_heads, tree_leaves
from auditsaas.evidence.tree.store import cut
from auditsaas.workspaces.models import Workspace

STEP: Final = 64
"""Tiles of one transaction."""
_ERASING: Final = text("SELECT set_config('auditsaas.erasing', 'yes', true)")


def prune(engine: Engine, before: datetime) -> int:
    """Remove leaves from before an instant, as the owner of the tables; return how many went."""
    gone = 0
    with Session(engine) as session:
        for workspace_id in session.scalars(select(Workspace.id)).all():
            while went := _step(session, workspace_id, leaf.micros_of(before)):
                session.commit()
                gone += went
            session.commit()
    return gone


def _step(session: Session, workspace_id: UUID, before: int) -> int:
    """Remove the oldest tiles of one log that are over; return how many leaves they had."""
    tenancy.bind(Scope.of(workspace_id), session)
    session.execute(_ERASING)
    mine = tree_heads.c.workspace_id == workspace_id
    head = session.execute(select(tree_heads).where(mine).with_for_update()).one_or_none()
    if head is None:
        return 0
    pruned = _over(session, head, before)
    if pruned > head.pruned_to:
        first, last = head.pruned_to // TILE, pruned // TILE - 1
        session.execute(
            delete(tree_leaves).where(
                tree_leaves.c.workspace_id == workspace_id, tree_leaves.c.n.between(first, last)
            )
        )
        session.execute(update(tree_heads).where(mine).values(pruned_to=pruned))
    return int(pruned - head.pruned_to)


def _over(session: Session, head: Row[Any], before: int) -> int:
    """Find up to which number leaves can go: full tiles below what is signed, old and empty."""
    first = head.pruned_to // TILE
    last = min(first + STEP, head.sealed_size // TILE) - 1
    if last < first:
        return int(head.pruned_to)
    mine = tree_leaves.c.workspace_id == head.workspace_id
    found = session.execute(
        select(tree_leaves.c.n, tree_leaves.c.preimages)
        .where(mine, tree_leaves.c.n.between(first, last))
        .order_by(tree_leaves.c.n)
    )
    oldest = session.scalar(
        select(func.min(events.c.seq)).where(
            events.c.workspace_id == head.workspace_id, events.c.seq > head.pruned_to
        )
    )
    over = int(head.pruned_to)
    for row in found:
        times = (leaf.read_preimage(one)[0] for one in cut(row.preimages, leaf.PREIMAGE_BYTES))
        if (oldest is not None and oldest <= over + TILE) or any(time >= before for time in times):
            break
        over += TILE
    return over
