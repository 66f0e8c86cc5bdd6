"""Signs checkpoints of what a tree has for good."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, insert, or_, select, update
from sqlalchemy.orm import Session

from auditsaas.evidence.checking import told
from auditsaas.evidence.checking.finding import Finding, FindingKind
from auditsaas.evidence.format.notes import Checkpoint
from auditsaas.evidence.models import checkpoints, tree_heads
from auditsaas.evidence.tree import history, keys
from auditsaas.evidence.tree.checkpoints import FORKED, GROWING
from auditsaas.evidence.tree.keys import Keyring
from auditsaas.evidence.tree.upkeep import rotation
from auditsaas.evidence.witnesses import outside

SIGN_EVERY: Final = timedelta(seconds=10)


def sign(session: Session, workspace_id: UUID, ring: Keyring, *, at_once: bool = False) -> None:
    """Sign a checkpoint of the tree where it grew, at most every ten seconds, and commit it.

    ``at_once`` signs it sooner. A tree that another worker grows is left to that one. Where the
    tree is not the one that was signed before, the log is forked from then on; where its witnesses
    were not asked for long, it waits for that a minute at most.

    Raises:
        SecretMissing: a key of the log cannot be had.
    """
    head = _due(session, workspace_id, at_once=at_once)
    if head is not None and not outside.must_wait(session, workspace_id):
        _sign(session, head, ring)
    session.commit()
    if head is not None:
        rotation.destroy_retired(session, workspace_id, ring)
        session.commit()


def fork(session: Session, workspace_id: UUID, reason: str) -> None:
    """Keep that a log signs nothing more, and tell its admins why."""
    session.execute(
        update(tree_heads)
        .where(tree_heads.c.workspace_id == workspace_id)
        .values(state=FORKED, reason=reason)
    )
    told.tell(session, workspace_id, Finding(kind=FindingKind.FORKED, words=reason))


def _due(session: Session, workspace_id: UUID, *, at_once: bool) -> Row[Any] | None:
    """Lock the head of a tree that is to be signed now."""
    due = select(tree_heads).where(
        tree_heads.c.workspace_id == workspace_id,
        tree_heads.c.state == GROWING,
        tree_heads.c.size > tree_heads.c.sealed_size,
    )
    if not at_once:
        last = tree_heads.c.sealed_at
        due = due.where(or_(last.is_(None), last < func.now() - SIGN_EVERY))
    return session.execute(due.with_for_update(skip_locked=True)).one_or_none()


def _sign(session: Session, head: Row[Any], ring: Keyring) -> None:
    signers = keys.signers(session, head.workspace_id, ring)
    origin = signers[-1].key.name
    reason = history.contradiction(session, head.workspace_id, ring, origin)
    if reason is not None:
        fork(session, head.workspace_id, reason)
        return
    if ring.folder is not None:
        ring.folder.note_signed(head.workspace_id, origin, head.size, head.root)
    note = Checkpoint(origin, head.size, head.root).signed_by(*(one.key for one in signers))
    row = {"workspace_id": head.workspace_id, "size": head.size, "root": head.root, "note": note}
    session.execute(insert(checkpoints).values(**row, at=func.now()))
    session.execute(
        update(tree_heads)
        .where(tree_heads.c.workspace_id == head.workspace_id)
        .values(sealed_size=head.size, sealed_at=func.now(), reason=None)
    )
    rotation.retire_older(session, head.workspace_id, signers)
