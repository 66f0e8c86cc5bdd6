"""Tells who holds heads of a log, and up to which size it is cosigned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.evidence.format import notes
from auditsaas.evidence.format.cosignatures import cosignatures as signed_lines
from auditsaas.evidence.format.notes import NoteRefused, VerifierKey
from auditsaas.evidence.tree import checkpoints
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.evidence.witnesses import registry
from auditsaas.evidence.witnesses.models import cosignatures, witnesses


@dataclass(frozen=True)
class Cosigned:
    """The greatest size that counts as cosigned, and since when."""

    size: int
    at: datetime


def cosigned(session: Session, workspace_id: UUID) -> Cosigned | None:
    """Return the greatest size that every required witness cosigned, or any where none is required.

    None where no witness did, or a required one is missing.
    """
    asked = registry.listed(session, workspace_id)
    required = [each for each in asked if each.required]
    if not all(each.last_at for each in required):
        return None
    signed = [(each.last_size, each.last_at) for each in required or asked if each.last_at]
    if not signed:
        return None
    size = min(signed)[0] if required else max(signed)[0]
    return Cosigned(size, max(at for held, at in signed if held == size))


def lines(session: Session, workspace_id: UUID, size: int) -> str:
    """Return the signature lines of witnesses under the checkpoint of a size, to stand in its note.

    They are those of witnesses that were removed, too. Each is verified: of a log that was closed
    and begun anew there may be lines of the same size.
    """
    sealed = checkpoints.at_size(session, workspace_id, size)
    return "" if sealed is None else _lines(session, workspace_id, sealed)


def whole_note(session: Session, workspace_id: UUID, sealed: Sealed) -> str:
    """Return the note of a checkpoint with the lines of all who signed it."""
    return sealed.note + _lines(session, workspace_id, sealed)


def _lines(session: Session, workspace_id: UUID, sealed: Sealed) -> str:
    found = (
        select(cosignatures.c.line, witnesses.c.vkey)
        .join(witnesses, witnesses.c.id == cosignatures.c.witness_id)
        .where(
            cosignatures.c.workspace_id == workspace_id,
            cosignatures.c.size == sealed.size,
            witnesses.c.workspace_id == workspace_id,
        )
        .order_by(cosignatures.c.at, cosignatures.c.witness_id)
    )
    text, _ = notes.split(sealed.note)
    rows = session.execute(found)
    return "".join(line for line, vkey in rows if _is_signed(text, line, vkey))


def _is_signed(text: str, line: str, vkey: str) -> bool:
    try:
        return bool(signed_lines(text, line.splitlines(), VerifierKey.parse(vkey)))
    except NoteRefused:
        return False
