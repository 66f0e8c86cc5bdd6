"""Heads of a log that are known to be held outside, below which it must sign no other history.

A database that was brought back from a backup does not know what was signed since. Witnesses and
anchors do, and show it as a checkpoint with the signature of the log's own key; so none of them can
make a log believe that it was longer than it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auditsaas.evidence.format import notes
from auditsaas.evidence.format.notes import Checkpoint, NoteRefused, VerifierKey
from auditsaas.evidence.tree import keys
from auditsaas.evidence.tree.store import Tree
from auditsaas.evidence.witnesses.models import known_heads, witnesses

UNASKED_FOR: Final = timedelta(minutes=2)
"""Witnesses that were due for so long were not asked: this database may be an old one."""
PATIENCE: Final = timedelta(minutes=1)
"""The most that a signature waits for witnesses to be asked; they hold up nothing for longer."""


@dataclass(frozen=True)
class Known:
    """A head of a log that is held outside, with the log's own signature."""

    size: int
    root: bytes
    note: str
    holder: str
    """The holder, in words."""
    at: datetime


_first_seen: dict[UUID, float] = {}
"""When this process first found that the witnesses of a log had not been asked for long."""


def greatest_known(session: Session, workspace_id: UUID) -> Known | None:
    """Return the greatest head that is known to be held outside; None where there is none.

    One that the stored tree contradicts comes before greater ones that it does not.
    """
    heads = known(session, workspace_id)
    grown = Tree.of(session, workspace_id).size
    for head in heads:
        if head.size > grown or Tree.of(session, workspace_id, head.size).root != head.root:
            return head
    return heads[0] if heads else None


def known(session: Session, workspace_id: UUID) -> list[Known]:
    """Return the head that each holder is known to hold of the log as it is called now, the
    greatest first; one that was begun anew has another origin, and owes the older nothing."""
    origin = keys.current_origin(session, workspace_id)
    rows = session.execute(
        select(
            known_heads.c.size,
            known_heads.c.root,
            known_heads.c.note,
            known_heads.c.holder,
            known_heads.c.at,
        )
        .where(known_heads.c.workspace_id == workspace_id)
        .order_by(known_heads.c.size.desc(), known_heads.c.holder)
    )
    return [Known(*row) for row in rows if row.note.partition("\n")[0] == origin]


def note_held(
    session: Session, workspace_id: UUID, holder: str, checkpoint: Checkpoint, note: str
) -> None:
    """Keep that a holder has a checkpoint, whose signature was verified; flush.

    Of each holder the greatest is kept, of the log as it was called last.
    """
    made = insert(known_heads).values(
        workspace_id=workspace_id,
        holder=holder,
        size=checkpoint.size,
        root=checkpoint.root,
        note=note,
        at=func.now(),
    )
    session.execute(
        made.on_conflict_do_update(
            index_elements=["workspace_id", "holder"],
            set_={name: made.excluded[name] for name in ("size", "root", "note", "at")},
            where=or_(
                made.excluded.size >= known_heads.c.size,
                _origin(made.excluded.note) != _origin(known_heads.c.note),
            ),
        )
    )


def log_keys(session: Session, workspace_id: UUID) -> Sequence[VerifierKey]:
    """Return the keys that ever signed this log's checkpoints, as it is called now."""
    found = [each.verifier for each in keys.verifier_keys(session, workspace_id)]
    return [key for key in found if key.name == found[-1].name]


def note_shown(session: Session, workspace_id: UUID, holder: str, note: str) -> Known:
    """Keep a checkpoint that is shown, if this log's own key signed it; flush.

    Raises:
        NoteRefused: it is none of this log's.
    """
    known_keys = log_keys(session, workspace_id)
    if not known_keys:
        raise NoteRefused("this log has signed nothing yet")
    checkpoint = notes.checkpoint(note, *known_keys)
    note_held(session, workspace_id, holder, checkpoint, note)
    return next(head for head in known(session, workspace_id) if head.holder == holder)


def refusal(session: Session, workspace_id: UUID) -> str | None:
    """Return why a log must sign nothing more, in a sentence; None where nothing is against it."""
    head = greatest_known(session, workspace_id)
    if head is None:
        return None
    grown = Tree.of(session, workspace_id).size
    who = head.holder[0].upper() + head.holder[1:]
    holds = f"{who} holds a checkpoint of {head.size:,} events, signed by this log's key"
    if head.size > grown:
        return (
            f"{holds}, and the log has {grown:,}. It was brought back from a backup that is older"
            f" than {head.at:%Y-%m-%d %H:%M} UTC; the newer one, with those events, is missing."
        )
    if Tree.of(session, workspace_id, head.size).root != head.root:
        return (
            f"{holds}, and the log has others up to there: it was changed, or brought back from a"
            f" backup and continued. The one that holds what {head.holder} knows is missing."
        )
    return None


def must_wait(session: Session, workspace_id: UUID) -> bool:
    """Tell whether a log should not sign yet, for its witnesses are to be asked first.

    They are asked every half minute. Where they were not for longer, the database may have been
    brought back, and they may know more than it does; a signature waits for them, and not long.
    """
    due = select(witnesses.c.id).where(
        witnesses.c.workspace_id == workspace_id,
        witnesses.c.removed_at.is_(None),
        witnesses.c.next_try_at < func.now() - UNASKED_FOR,
    )
    if session.scalar(due.limit(1)) is None:
        _first_seen.pop(workspace_id, None)
        return False
    since = _first_seen.setdefault(workspace_id, monotonic())
    return monotonic() - since < PATIENCE.total_seconds()


def _origin(note: ColumnElement[str]) -> ColumnElement[str]:
    return func.split_part(note, "\n", 1)
