"""Settles what retention removed of sealed logs: the log tells of it, and its seeds are destroyed.

What is kept of a removed number is its time and the hash of its fields: it proves that the event
was old enough to go, and without its seed nothing tests a guess at what it said. All of this is
done by the owner of the tables, in steps that a run may end between.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.models import events
from auditsaas.events.models import removals as noted_removals
from auditsaas.evidence.checking.looking import added_up
from auditsaas.evidence.erased import NO_SEED
from auditsaas.evidence.format import leaf
from auditsaas.evidence.models import TILE, tree_heads, tree_leaves
from auditsaas.own_activities import Activity
from auditsaas.workspaces.models import Workspace

STEP: Final = 64
"""Tiles of one transaction."""
_ERASING: Final = text("SELECT set_config('auditsaas.erasing', 'yes', true)")


def noted(session: Session) -> list[UUID]:
    """List the workspaces of whose log something was removed that is not settled."""
    every = session.scalars(select(Workspace.id)).all()
    tenancy.bind(Scope.of(*every), session)
    return list(
        session.scalars(
            select(noted_removals.c.workspace_id).order_by(noted_removals.c.workspace_id)
        )
    )


def settle(session: Session, workspace_id: UUID, brand: str) -> None:
    """Tell in the log what was removed of it, and destroy the seeds; commits each step."""
    tenancy.bind(Scope.of(workspace_id), session)
    _tell(session, workspace_id, brand)
    session.commit()
    while _destroy(session, workspace_id):
        session.commit()
    session.commit()


def _tell(session: Session, workspace_id: UUID, brand: str) -> None:
    found = select(noted_removals).where(noted_removals.c.workspace_id == workspace_id)
    row = session.execute(found.with_for_update()).one_or_none()
    if row is None or not row.events:
        return
    own_actions.record(
        session,
        Activity.RETENTION_APPLY,
        workspaces=[workspace_id],
        actor=own_actions.installation(brand),
        metadata={"removed": row.events, "before": row.before.isoformat()},
    )
    session.execute(
        update(noted_removals).where(noted_removals.c.workspace_id == workspace_id).values(events=0)
    )


def _destroy(session: Session, workspace_id: UUID) -> bool:
    """Destroy the seeds of removed numbers in some tiles; tell whether there are more."""
    session.execute(_ERASING)
    size = session.scalar(
        select(tree_heads.c.size).where(tree_heads.c.workspace_id == workspace_id).with_for_update()
    )
    here = noted_removals.c.workspace_id == workspace_id
    row = session.execute(select(noted_removals).where(here).with_for_update()).one_or_none()
    if row is None or size is None or size < row.last_seq:
        # The log is not sealed that far; of what is taken in later no seed is made.
        return False
    first = (row.first_seq - 1) // TILE
    last = min((row.last_seq - 1) // TILE, first + STEP - 1)
    _zero(session, workspace_id, first, last, size)
    after = (last + 1) * TILE + 1
    if after <= row.last_seq:
        session.execute(update(noted_removals).where(here).values(first_seq=after))
        return True
    session.execute(delete(noted_removals).where(here, noted_removals.c.events == 0))
    return False


def _zero(session: Session, workspace_id: UUID, first: int, last: int, size: int) -> None:
    """Destroy the seeds of the numbers of these tiles that have no event."""
    there = _numbers(session, workspace_id, first * TILE + 1, (last + 1) * TILE)
    found = session.execute(
        select(tree_leaves.c.n, tree_leaves.c.seeds).where(
            tree_leaves.c.workspace_id == workspace_id, tree_leaves.c.n.between(first, last)
        )
    )
    for number, seeds in found.all():
        left = b"".join(
            seeds[start : start + leaf.SEED_BYTES]
            if number * TILE + start // leaf.SEED_BYTES + 1 in there
            else NO_SEED
            for start in range(0, len(seeds), leaf.SEED_BYTES)
        )
        if left != seeds:
            session.execute(
                update(tree_leaves)
                .where(tree_leaves.c.workspace_id == workspace_id, tree_leaves.c.n == number)
                .values(seeds=left)
            )
            locators = added_up(session, workspace_id, number, size)
            session.execute(
                update(tree_leaves)
                .where(tree_leaves.c.workspace_id == workspace_id, tree_leaves.c.n == number)
                .values(locators=locators)
            )


def _numbers(session: Session, workspace_id: UUID, first: int, last: int) -> Collection[int]:
    return set(
        session.scalars(
            select(events.c.seq).where(
                events.c.workspace_id == workspace_id, events.c.seq.between(first, last)
            )
        )
    )
