"""Tells who holds heads of a log, and up to which size it is cosigned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.evidence.witnesses import registry
from auditsaas.evidence.witnesses.models import cosignatures
from auditsaas.evidence.witnesses.registry import Witness


@dataclass(frozen=True)
class Cosigned:
    """The greatest size that counts as cosigned, and since when."""

    size: int
    at: datetime


def cosigned(session: Session, workspace_id: UUID) -> Cosigned | None:
    """Return the greatest size that every required witness cosigned, or any where none is required.

    None where no witness did, or a required one is missing.
    """
    witnesses = registry.listed(session, workspace_id)
    required = [each for each in witnesses if each.required]
    if not all(each.last_at for each in required):
        return None
    signed = [(each.last_size, each.last_at) for each in required or witnesses if each.last_at]
    if not signed:
        return None
    size = min(signed)[0] if required else max(signed)[0]
    return Cosigned(size, max(at for held, at in signed if held == size))


def lines(session: Session, workspace_id: UUID, size: int) -> str:
    """Return the signature lines of witnesses under the checkpoint of a size, to stand in its note.

    They are those of witnesses that were removed, too.
    """
    found = (
        select(cosignatures.c.line)
        .where(cosignatures.c.workspace_id == workspace_id, cosignatures.c.size == size)
        .order_by(cosignatures.c.at, cosignatures.c.witness_id)
    )
    return "".join(session.scalars(found))


def whole_note(session: Session, workspace_id: UUID, sealed: Sealed) -> str:
    """Return the note of a checkpoint with the lines of all who signed it."""
    return sealed.note + lines(session, workspace_id, sealed.size)


def failing(session: Session, workspace_id: UUID) -> list[Witness]:
    """Return the witnesses that did not cosign when they were last asked."""
    return [each for each in registry.listed(session, workspace_id) if each.last_error]
