"""Which witnesses a log has: added, listed and removed; what a removed one signed stays."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from auditsaas.db.ids import new_id
from auditsaas.errors import Conflict, Invalid, NotFound
from auditsaas.evidence.format.cosignatures import witness_key
from auditsaas.evidence.format.notes import NoteRefused, VerifierKey
from auditsaas.evidence.witnesses.models import witnesses
from auditsaas.outgoing.policy import Policy, check

MOST: Final = 16
"""Witnesses of one log; a verifier reads as many signatures at least (C2SP signed-note)."""
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f]{1,100}")


@dataclass(frozen=True)
class Witness:
    """A witness of a log, and how it is with it."""

    id: UUID
    name: str
    vkey: str
    url: str
    required: bool
    last_size: int
    last_at: datetime | None
    last_error: str | None
    failing_since: datetime | None
    attempts: int
    next_try_at: datetime
    added_at: datetime

    @property
    def key(self) -> VerifierKey:
        return VerifierKey.parse(self.vkey)


COLUMNS: Final = tuple(witnesses.c[name] for name in Witness.__dataclass_fields__)


@dataclass(frozen=True, kw_only=True)
class WantedWitness:
    """A witness to be added."""

    name: str
    vkey: str
    url: str
    """Its submission prefix: what stands before ``/add-checkpoint``."""
    required: bool = False


def add(session: Session, policy: Policy, workspace_id: UUID, wanted: WantedWitness) -> Witness:
    """Add a witness to a log, to be asked at once; flush.

    Raises:
        Invalid: its key or name is none, or its address is not spoken to.
        Unanswered: its name leads nowhere.
        Conflict: the log has it, or as many as it may.
    """
    try:
        key = witness_key(wanted.vkey)
    except NoteRefused as error:
        raise Invalid(f"The key is not taken: {error}.") from error
    if not _NAME.fullmatch(wanted.name.strip()):
        raise Invalid("A witness has a name of 1 to 100 characters.")
    check(policy, f"{wanted.url.rstrip('/')}/add-checkpoint")
    others = listed(session, workspace_id)
    if len(others) >= MOST:
        raise Conflict(f"A log has at most {MOST} witnesses.")
    if any(other.name == wanted.name.strip() or other.vkey == str(key) for other in others):
        raise Conflict("The log has a witness of this name or key; remove it first.")
    identity = new_id()
    session.execute(
        insert(witnesses).values(
            workspace_id=workspace_id,
            id=identity,
            name=wanted.name.strip(),
            vkey=str(key),
            url=wanted.url.rstrip("/"),
            required=wanted.required,
            next_try_at=func.now(),
            added_at=func.now(),
        )
    )
    return next(each for each in listed(session, workspace_id) if each.id == identity)


def listed(session: Session, workspace_id: UUID) -> list[Witness]:
    """Return the witnesses of a log, in the order in which they were added."""
    found = (
        select(*COLUMNS)
        .where(witnesses.c.workspace_id == workspace_id, witnesses.c.removed_at.is_(None))
        .order_by(witnesses.c.id)
    )
    return [Witness(*row) for row in session.execute(found)]


def remove(session: Session, workspace_id: UUID, name: str) -> Witness:
    """Remove a witness of a log, which is asked no more; flush.

    Raises:
        NotFound: the log has none of this name.
    """
    found = next((each for each in listed(session, workspace_id) if each.name == name), None)
    if found is None:
        raise NotFound(f"This log has no witness {name}.")
    session.execute(
        update(witnesses)
        .where(witnesses.c.workspace_id == workspace_id, witnesses.c.id == found.id)
        .values(removed_at=func.now())
    )
    return found
