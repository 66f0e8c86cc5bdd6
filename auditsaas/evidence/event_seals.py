"""Reads what the tree holds of one event: since when it is sealed, and under which head."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from auditsaas.evidence.format import leaf
from auditsaas.evidence.models import TILE

# As text, for it stands beside every event that is opened, and takes longer to build than to run.
_SEAL: Final = text(
    """
    SELECT substr(l.preimages, :start, 40) AS kept, h.taken_in, first.at AS sealed_at,
        newest.size, newest.root, newest.at AS signed_at, e.slots, e.at AS erased_at,
        f.id AS finding, f.last_at AS found_at, w.witnesses, w.held_by
    FROM tree_leaves AS l
    JOIN tree_heads AS h ON h.workspace_id = l.workspace_id
    JOIN LATERAL (
        SELECT at FROM checkpoints WHERE workspace_id = :workspace AND size >= :seq
        ORDER BY size LIMIT 1) AS first ON true
    JOIN LATERAL (
        SELECT size, root, at FROM checkpoints WHERE workspace_id = :workspace AND size >= :seq
        ORDER BY size DESC LIMIT 1) AS newest ON true
    LEFT JOIN erasures AS e ON e.workspace_id = l.workspace_id AND e.seq = :seq
    LEFT JOIN LATERAL (
        SELECT id, last_at FROM tree_findings
        WHERE workspace_id = :workspace AND seq <= :seq AND coalesce(last_seq, seq) >= :seq
        ORDER BY last_at DESC LIMIT 1) AS f ON true
    LEFT JOIN LATERAL (
        SELECT count(*) AS witnesses,
            array_agg(name ORDER BY id) FILTER (WHERE last_size >= :seq) AS held_by
        FROM witnesses WHERE workspace_id = :workspace AND removed_at IS NULL) AS w ON true
    WHERE l.workspace_id = :workspace AND l.n = :tile
    """
)


@dataclass(frozen=True, kw_only=True)
class EventSeal:
    """The leaf of an event, and the newest signed head that it is under."""

    leaf_hash: bytes
    from_before: bool
    """Whether the event was in the log already when sealing began."""
    sealed_at: datetime
    """When the first checkpoint that is kept of those over it was signed."""
    size: int
    root: bytes
    signed_at: datetime
    erased: tuple[int, ...] = ()
    """The slots of the leaf whose words were erased."""
    erased_at: datetime | None = None
    finding: UUID | None = None
    """The newest difference that a check found at its number."""
    found_at: datetime | None = None
    witnesses: int = 0
    """How many witnesses the log has."""
    held_by: tuple[str, ...] = ()
    """The names of those that cosigned a head over it."""


def of_event(session: Session, workspace_id: UUID, seq: int) -> EventSeal | None:
    """Read the seal of a number in one statement; None where no signed head is over it yet."""
    tile, place = divmod(seq - 1, TILE)
    asked = {"workspace": workspace_id, "seq": seq, "tile": tile}
    found = session.execute(_SEAL, asked | {"start": place * leaf.PREIMAGE_BYTES + 1}).one_or_none()
    if found is None or len(found.kept) < leaf.PREIMAGE_BYTES:
        return None
    return EventSeal(
        leaf_hash=leaf.leaf_hash(seq, bytes(found.kept)),
        from_before=found.taken_in is not None and seq <= found.taken_in,
        sealed_at=found.sealed_at,
        size=found.size,
        root=bytes(found.root),
        signed_at=found.signed_at,
        erased=tuple(found.slots or ()),
        erased_at=found.erased_at,
        finding=found.finding,
        found_at=found.found_at,
        witnesses=found.witnesses,
        held_by=tuple(found.held_by or ()),
    )
