"""Reads how far each log of the installation is sealed, and what was ever signed of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from auditsaas.events.models import log_heads
from auditsaas.evidence.format import notes
from auditsaas.evidence.format.notes import NoteRefused
from auditsaas.evidence.models import checkpoints, tree_heads
from auditsaas.evidence.tree import history, keys
from auditsaas.evidence.tree.checkpoints import FORKED, GROWING
from auditsaas.evidence.tree.keys import Keyring
from auditsaas.evidence.tree.store import Tree, TreeDamaged
from auditsaas.workspaces.models import Workspace

COLUMNS: Final = (
    *("slug", "state", "events", "in_tree", "sealed", "progress", "sealed_at", "waits_until"),
    "reason",
)


def overview(platform: Session, slug: str | None = None) -> Iterator[Mapping[str, Any]]:
    """Yield a row for each log, or for one, by the names of ``COLUMNS``; the look must be jobs."""
    head = tree_heads.c
    found = (
        select(Workspace.slug, log_heads.c.seq, tree_heads)
        .join(log_heads, log_heads.c.workspace_id == Workspace.id)
        .outerjoin(tree_heads, head.workspace_id == Workspace.id)
        .order_by(Workspace.slug)
    )
    if slug is not None:
        found = found.where(Workspace.slug == slug)
    for row in platform.execute(found):
        yield {
            "slug": row.slug,
            "state": _state(row.state, row.seq, row.size or 0, row.taken_in),
            "events": row.seq,
            "in_tree": row.size or 0,
            "sealed": row.sealed_size or 0,
            "progress": _progress(row.size or 0, row.seq),
            "sealed_at": row.sealed_at,
            "waits_until": row.retry_at,
            "reason": row.reason,
        }


def contradictions(session: Session, workspace_id: UUID, ring: Keyring) -> Iterator[str]:
    """Say what of the log's checkpoints, keys and known heads its tree contradicts."""
    origin = keys.current_origin(session, workspace_id)
    if origin is None:
        return
    against = history.contradiction(session, workspace_id, ring, origin)
    if against is not None:
        yield against
    verifiers = [key.verifier for key in keys.verifier_keys(session, workspace_id)]
    size = Tree.of(session, workspace_id).size
    found = select(checkpoints.c.size, checkpoints.c.root, checkpoints.c.note)
    for row in session.execute(found.where(checkpoints.c.workspace_id == workspace_id)):
        try:
            signed = notes.checkpoint(row.note, *verifiers)
            whole = row.size <= size and Tree.of(session, workspace_id, row.size).root == row.root
        except (NoteRefused, TreeDamaged) as error:
            yield f"The checkpoint of {row.size:,} events does not hold: {error}."
            continue
        if (signed.size, signed.root) != (row.size, row.root) or not whole:
            yield f"The tree does not fold to the checkpoint of {row.size:,} events."


def resume(session: Session, workspace_id: UUID) -> bool:
    """Let a forked log sign again, once nothing is against it; tell whether it was forked."""
    changed = (
        update(tree_heads)
        .where(tree_heads.c.workspace_id == workspace_id, tree_heads.c.state == FORKED)
        .values(state=GROWING, reason=None, attempts=0, retry_at=None)
    )
    return session.scalar(changed.returning(tree_heads.c.size)) is not None


def lag(platform: Session) -> tuple[int, int]:
    """Count the events that are in no tree yet, and the logs that are forked; the look is jobs."""
    behind = func.greatest(log_heads.c.seq - func.coalesce(tree_heads.c.size, 0), 0)
    found = (
        select(
            func.coalesce(func.sum(behind), 0),
            func.count().filter(tree_heads.c.state == FORKED),
        )
        .select_from(log_heads)
        .outerjoin(tree_heads, tree_heads.c.workspace_id == log_heads.c.workspace_id)
    )
    row = platform.execute(found).one()
    return int(row[0]), int(row[1])


def _state(state: str | None, seq: int, size: int, taken_in: int | None) -> str:
    if state == FORKED:
        return FORKED
    if size >= seq:
        return "sealed" if seq else "empty"
    return "being taken in" if taken_in is None or size < taken_in else "behind"


def _progress(size: int, seq: int) -> str:
    return f"{100 * size // seq if seq else 100} %"
