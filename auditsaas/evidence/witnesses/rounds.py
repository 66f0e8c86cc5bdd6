"""Asks witnesses when they are due, and keeps what they signed.

No transaction is open while a witness is asked. Of two workers at once one has the row for a while:
the one that moved its next time first.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auditsaas.evidence.format.cosignatures import Cosignature
from auditsaas.evidence.format.notes import Checkpoint, NoteRefused, VerifierKey, split
from auditsaas.evidence.models import checkpoints
from auditsaas.evidence.tree import proofs
from auditsaas.evidence.tree.store import Tree
from auditsaas.evidence.witnesses import outside
from auditsaas.evidence.witnesses.asking import Asked, Head, WitnessFailed, cosign
from auditsaas.evidence.witnesses.models import cosignatures, witnesses
from auditsaas.evidence.witnesses.registry import COLUMNS, Witness
from auditsaas.outgoing.policy import Policy

EVERY: Final = timedelta(seconds=30)
"""How often a growing log asks each of its witnesses."""
RENEWED_AFTER: Final = timedelta(hours=1)
"""A log that does not grow is cosigned again after this, so that its age is known."""
HELD_FOR: Final = timedelta(minutes=3)
"""How long a worker that asks keeps others from asking the same; more than asking can take."""
LONGEST_WAIT: Final = timedelta(hours=1)
AT_ONCE: Final = 200
"""Witnesses that one run of the task takes on."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of asking a witness."""

    cosigned: int | None = None
    """The size that it cosigned."""
    error: str | None = None


def due(platform: Session) -> list[tuple[UUID, UUID]]:
    """Return the witnesses that are to be asked, by workspace and id, longest due first."""
    found = (
        select(witnesses.c.workspace_id, witnesses.c.id)
        .where(witnesses.c.removed_at.is_(None), witnesses.c.next_try_at <= func.now())
        .order_by(witnesses.c.next_try_at)
        .limit(AT_ONCE)
    )
    return [(row[0], row[1]) for row in platform.execute(found)]


def ask(session: Session, policy: Policy, workspace_id: UUID, witness_id: UUID) -> Outcome:
    """Ask a witness for what is new, and keep its answer; commit, before it is asked and after.

    The session's scope must hold the workspace.
    """
    witness = _claimed(session, workspace_id, witness_id)
    head = _head(session, workspace_id) if witness else None
    if witness is None or head is None or _is_fresh(witness, head):
        _put_off(session, workspace_id, witness)
        return Outcome()
    session.commit()

    def proof(old: int) -> Sequence[bytes]:
        path = proofs.consistency(Tree.of(session, workspace_id, head.checkpoint.size), old)
        session.commit()  # a witness may be slow, and a connection is not its to hold
        return path

    try:
        asked = Asked(witness.url, witness.key, witness.last_size)
        made = cosign(policy, asked, head, proof, datetime.now(UTC))
    except WitnessFailed as failed:
        return _fail(session, workspace_id, witness, failed)
    except NoteRefused as error:  # what is stored as its key
        return _fail(session, workspace_id, witness, WitnessFailed(f"Its key is none: {error}."))
    return _keep(session, workspace_id, witness, head, made)


def _claimed(session: Session, workspace_id: UUID, witness_id: UUID) -> Witness | None:
    """Take a witness for a while; None where it is not due, as when another took it."""
    row = session.execute(
        update(witnesses)
        .where(
            witnesses.c.workspace_id == workspace_id,
            witnesses.c.id == witness_id,
            witnesses.c.removed_at.is_(None),
            witnesses.c.next_try_at <= func.now(),
        )
        .values(next_try_at=func.now() + HELD_FOR)
        .returning(*COLUMNS)
    ).one_or_none()
    return Witness(*row) if row else None


def _head(session: Session, workspace_id: UUID) -> Head | None:
    """Return the newest checkpoint of a log, with the keys that ever signed it."""
    note = session.scalar(
        select(checkpoints.c.note)
        .where(checkpoints.c.workspace_id == workspace_id)
        .order_by(checkpoints.c.size.desc())
        .limit(1)
    )
    if note is None:
        return None
    keys: Sequence[VerifierKey] = outside.log_keys(session, workspace_id)
    return Head(Checkpoint.parse(split(note)[0]), note, keys)


def _is_fresh(witness: Witness, head: Head) -> bool:
    """Tell whether a witness cosigned this very head not long ago."""
    if witness.last_at is None or witness.last_error is not None:
        return False
    is_recent = datetime.now(UTC) - witness.last_at < RENEWED_AFTER
    return head.checkpoint.size == witness.last_size and is_recent


def _put_off(session: Session, workspace_id: UUID, witness: Witness | None) -> None:
    if witness:
        _change(session, workspace_id, witness, next_try_at=func.now() + EVERY)
    session.commit()


def _keep(
    session: Session, workspace_id: UUID, witness: Witness, head: Head, made: Cosignature
) -> Outcome:
    size = head.checkpoint.size
    at = datetime.fromtimestamp(made.seconds, UTC) if made.seconds else datetime.now(UTC)
    row = insert(cosignatures).values(
        workspace_id=workspace_id, size=size, witness_id=witness.id, line=made.line, at=at
    )
    session.execute(
        row.on_conflict_do_update(
            index_elements=["workspace_id", "size", "witness_id"],
            set_={"line": row.excluded.line, "at": row.excluded.at},
        )
    )
    session.execute(
        update(checkpoints)
        .where(checkpoints.c.workspace_id == workspace_id, checkpoints.c.size == size)
        .values(kept=True)
    )
    outside.note_held(session, workspace_id, holder(witness), head.checkpoint, head.note)
    _change(
        session,
        workspace_id,
        witness,
        last_size=size,
        last_at=at,
        last_error=None,
        failing_since=None,
        attempts=0,
        next_try_at=func.now() + EVERY,
    )
    session.commit()
    return Outcome(cosigned=size)


def _fail(session: Session, workspace_id: UUID, witness: Witness, why: WitnessFailed) -> Outcome:
    attempts = witness.attempts + 1
    if why.held:
        outside.note_held(
            session, workspace_id, holder(witness), why.held.checkpoint, why.held.note
        )
    _change(
        session,
        workspace_id,
        witness,
        last_error=str(why)[:1000],
        failing_since=witness.failing_since or func.now(),
        attempts=attempts,
        next_try_at=func.now() + max(pause(attempts), why.wait),
    )
    session.commit()
    return Outcome(error=str(why))


def pause(attempts: int) -> timedelta:
    """Return how long a failing witness is left alone: 30 s, a minute, two, within the hour."""
    wait = min(LONGEST_WAIT, EVERY * float(2 ** min(attempts - 1, 12)))
    return wait * (0.9 + secrets.randbelow(200) / 1000)  # those that failed at once come apart


def holder(witness: Witness) -> str:
    """Return what a witness is called among the holders of a log's heads."""
    return f"the witness {witness.name}"


def _change(session: Session, workspace_id: UUID, witness: Witness, **values: object) -> None:
    session.execute(
        update(witnesses)
        .where(witnesses.c.workspace_id == workspace_id, witnesses.c.id == witness.id)
        .values(**values)
    )
