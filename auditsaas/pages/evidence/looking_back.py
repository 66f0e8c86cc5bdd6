"""Compares a log with what a person saw of it before, and remembers what they see now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.evidence import seen
from auditsaas.evidence.checking import told
from auditsaas.evidence.checking.finding import Finding, FindingKind
from auditsaas.evidence.checking.models import TreeFinding
from auditsaas.evidence.seen import SeenHead
from auditsaas.evidence.tree.store import Tree, TreePruned
from auditsaas.formatting import numbers, times
from auditsaas.pages.evidence.head import Head

WORDS: Final = "The log doesn’t begin as a person saw it {at}: {size} events under the hash {root}"


@dataclass(frozen=True)
class LookBack:
    """Remembers what a person saw last, and tells whether the log of today began so."""

    seen: SeenHead
    began_so: bool


def read(session: Session, workspace_id: UUID, user_id: UUID, head: Head) -> LookBack | None:
    """Compare the log with what a person saw of it before; None where they saw nothing of it.

    What they saw of a log that was closed since, is of that one; and where the leaves of what they
    saw were removed for their age, nothing can be compared.
    """
    before = seen.last_seen(session, workspace_id, user_id)
    if before is None or any(closing.at > before.at for closing in head.closings):
        return None
    if head.signed is None or head.grown < head.signed.size:
        return LookBack(before, began_so=False)
    tree = Tree.of(session, workspace_id, head.signed.size)
    try:
        return LookBack(before, seen.began_so(tree, head.signed.root, before))
    except TreePruned:
        return None


def remember(
    session: Session,
    workspace_id: UUID,
    user_id: UUID,
    *,
    head: Head,
    back: LookBack | None,
    at: datetime,
) -> None:
    """Remember what a person sees now; what contradicts the log is kept and told instead.

    Once an admin has acknowledged that, the person sees the log anew.
    """
    if back is not None and not back.began_so:
        finding = _finding(back.seen, head)
        if not _is_acknowledged(session, workspace_id, finding):
            told.tell(session, workspace_id, finding)
            return
    if head.signed is not None:
        shown = SeenHead(head.signed.size, head.signed.root, at)
        seen.remember(session, workspace_id, user_id, shown)


def _finding(before: SeenHead, now: Head) -> Finding:
    root = before.root.hex()
    at = times.iso_minute(before.at)
    signed = now.signed
    return Finding(
        kind=FindingKind.CHECKPOINT,
        words=WORDS.format(at=at, size=numbers.number(before.size), root=root),
        details={
            "same_as": f"seen {before.size} {root}",
            "seen": {"size": before.size, "root": root, "at": before.at.isoformat()},
            "now": None if signed is None else {"size": signed.size, "root": signed.root.hex()},
        },
    )


def _is_acknowledged(session: Session, workspace_id: UUID, finding: Finding) -> bool:
    kept = select(TreeFinding.acknowledged_at).where(
        TreeFinding.workspace_id == workspace_id,
        TreeFinding.fingerprint == finding.fingerprint,
    )
    return session.scalar(kept) is not None
