"""Remembers the head of a log as each person last saw it, and checks that today's log began so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auditsaas.evidence.format import merkle
from auditsaas.evidence.format.merkle import ProofRefused
from auditsaas.evidence.models import seals_seen
from auditsaas.evidence.tree import proofs
from auditsaas.evidence.tree.store import Tree, TreeDamaged


@dataclass(frozen=True)
class SeenHead:
    """A head that a person saw, and when."""

    size: int
    root: bytes
    at: datetime


def last_seen(session: Session, workspace_id: UUID, user_id: UUID) -> SeenHead | None:
    """Return the head of a log as a person last saw it."""
    seen = seals_seen.c
    found = session.execute(
        select(seen.size, seen.root, seen.at).where(
            seen.workspace_id == workspace_id, seen.user_id == user_id
        )
    ).one_or_none()
    return None if found is None else SeenHead(found.size, bytes(found.root), found.at)


def remember(session: Session, workspace_id: UUID, user_id: UUID, head: SeenHead) -> None:
    """Remember the head that a person sees now."""
    values = {"size": head.size, "root": head.root, "at": head.at}
    session.execute(
        insert(seals_seen)
        .values(workspace_id=workspace_id, user_id=user_id, **values)
        .on_conflict_do_update(index_elements=["workspace_id", "user_id"], set_=values)
    )


def began_so(tree: Tree, root: bytes, seen: SeenHead) -> bool:
    """Check, from what is stored of the tree and its signed root, that it began as was seen."""
    if seen.size == 0:
        return True
    if seen.size > tree.size:
        return False
    try:
        proof = proofs.consistency(tree, seen.size)
        merkle.check_consistency(seen.size, tree.size, proof, seen.root, root)
    except (ProofRefused, TreeDamaged):
        return False
    return True
