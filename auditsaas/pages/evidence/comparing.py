"""Compares a checkpoint that was kept elsewhere with the log of today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas.evidence import seen
from auditsaas.evidence.checking import told
from auditsaas.evidence.checking.finding import Finding, FindingKind
from auditsaas.evidence.format import notes
from auditsaas.evidence.format.notes import Checkpoint, NoteRefused
from auditsaas.evidence.seen import SeenHead
from auditsaas.evidence.tree.store import Tree
from auditsaas.pages.evidence.head import Head
from auditsaas.pages.evidence.saying import events


@dataclass(frozen=True)
class Compared:
    """The outcome, in a sentence; ``fits`` is None where there was nothing to compare."""

    fits: bool | None
    words: str


def compare(session: Session, workspace_id: UUID, head: Head, text: str, at: datetime) -> Compared:
    """Check that the log began as a signed checkpoint says; tell of one that it contradicts."""
    lines = [line.strip() for line in text.strip().splitlines()]
    try:
        kept = notes.checkpoint("".join(f"{line}\n" for line in lines), *_keys(head))
    except NoteRefused as error:
        return Compared(None, f"This is no checkpoint of this log: {error}.")
    if kept.origin != head.keys[-1].origin:
        return Compared(None, "It is of the log that was closed before this one began.")
    if _began_so(session, workspace_id, head, kept, at):
        return Compared(
            True,
            f"It fits: today’s log is sealed as one that began with these {events(kept.size)}, and"
            " nothing of them was changed, removed or slipped in since.",
        )
    finding = _finding(kept, head)
    told.tell(session, workspace_id, finding)
    return Compared(False, f"{finding.words}.")


def _keys(head: Head) -> list[notes.VerifierKey]:
    return [key.verifier for key in head.keys]


def _began_so(
    session: Session, workspace_id: UUID, head: Head, kept: Checkpoint, at: datetime
) -> bool:
    if head.signed is None or head.grown < head.signed.size:
        return False
    tree = Tree.of(session, workspace_id, head.signed.size)
    return seen.began_so(tree, head.signed.root, SeenHead(kept.size, kept.root, at))


def _finding(kept: Checkpoint, head: Head) -> Finding:
    root, signed = kept.root.hex(), head.signed
    return Finding(
        kind=FindingKind.CHECKPOINT,
        words=(
            f"The log doesn’t begin as its checkpoint of {events(kept.size)} says, which somebody"
            f" kept: {root}"
        ),
        details={
            "same_as": f"kept {kept.size} {root}",
            "kept": {"size": kept.size, "root": root},
            "now": None if signed is None else {"size": signed.size, "root": signed.root.hex()},
        },
    )
