"""Reads what the tree holds of one event: since when it is sealed, and under which head."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Subquery, func, select, true
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from auditsaas.evidence.checking.models import TreeFinding
from auditsaas.evidence.format import leaf
from auditsaas.evidence.models import TILE, checkpoints, erasures, tree_heads, tree_leaves
from auditsaas.evidence.witnesses.models import witnesses


@dataclass(frozen=True, kw_only=True)
class EventSeal:
    """The leaf of an event, and the newest signed head that it is under."""

    leaf_hash: bytes
    from_before: bool
    """Whether the event was in the log already when sealing began."""
    sealed_at: datetime
    """When the first checkpoint that is kept of those over it was signed."""
    size: int
    root: bytes
    signed_at: datetime
    erased: tuple[int, ...] = ()
    """The slots of the leaf whose words were erased."""
    erased_at: datetime | None = None
    finding: UUID | None = None
    """The newest difference that a check found at its number."""
    found_at: datetime | None = None
    witnesses: int = 0
    """How many witnesses the log has."""
    held_by: tuple[str, ...] = ()
    """The names of those that cosigned a head over it."""


def of_event(session: Session, workspace_id: UUID, seq: int) -> EventSeal | None:
    """Read the seal of a number in one statement; None where no signed head is over it yet."""
    index = seq - 1
    start = index % TILE * leaf.PREIMAGE_BYTES + 1
    over = (
        select(checkpoints.c.size, checkpoints.c.root, checkpoints.c.at)
        .where(checkpoints.c.workspace_id == workspace_id, checkpoints.c.size >= seq)
        .limit(1)
    )
    first = over.order_by(checkpoints.c.size).subquery("first")
    newest = over.order_by(checkpoints.c.size.desc()).subquery("newest")
    finding, held = _finding(workspace_id, seq), _held(workspace_id, seq)
    found = session.execute(
        select(
            func.substr(tree_leaves.c.preimages, start, leaf.PREIMAGE_BYTES).label("kept"),
            tree_heads.c.taken_in,
            first.c.at.label("sealed_at"),
            *(newest.c.size, newest.c.root, newest.c.at.label("signed_at")),
            *(erasures.c.slots, erasures.c.at.label("erased_at")),
            *(held.c.witnesses, held.c.held_by),
            *(finding.c.id.label("finding"), finding.c.last_at.label("found_at")),
        )
        .join_from(tree_leaves, tree_heads, tree_heads.c.workspace_id == tree_leaves.c.workspace_id)
        .join(first, first.c.size >= seq)
        .join(newest, newest.c.size >= seq)
        .outerjoin(erasures, (erasures.c.workspace_id == workspace_id) & (erasures.c.seq == seq))
        .outerjoin(finding, true())
        .outerjoin(held, true())
        .where(tree_leaves.c.workspace_id == workspace_id, tree_leaves.c.n == index // TILE)
    ).one_or_none()
    if found is None or len(found.kept) < leaf.PREIMAGE_BYTES:
        return None
    return EventSeal(
        leaf_hash=leaf.leaf_hash(seq, bytes(found.kept)),
        from_before=found.taken_in is not None and seq <= found.taken_in,
        sealed_at=found.sealed_at,
        size=found.size,
        root=bytes(found.root),
        signed_at=found.signed_at,
        erased=tuple(found.slots or ()),
        erased_at=found.erased_at,
        finding=found.finding,
        found_at=found.found_at,
        witnesses=found.witnesses,
        held_by=tuple(found.held_by or ()),
    )


def _finding(workspace_id: UUID, seq: int) -> Subquery:
    """Select the newest finding that is about a number."""
    return (
        select(TreeFinding.id, TreeFinding.last_at)
        .where(
            TreeFinding.workspace_id == workspace_id,
            TreeFinding.seq <= seq,
            func.coalesce(TreeFinding.last_seq, TreeFinding.seq) >= seq,
        )
        .order_by(TreeFinding.last_at.desc())
        .limit(1)
        .subquery("finding")
    )


def _held(workspace_id: UUID, seq: int) -> Subquery:
    """Count the witnesses of a log, and name those that cosigned a head over a number."""
    over = witnesses.c.last_size >= seq
    return (
        select(
            func.count().label("witnesses"),
            func.array_agg(aggregate_order_by(witnesses.c.name, witnesses.c.id))
            .filter(over)
            .label("held_by"),
        )
        .where(witnesses.c.workspace_id == workspace_id, witnesses.c.removed_at.is_(None))
        .subquery("held")
    )
