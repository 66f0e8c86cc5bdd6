"""Leads a verifier from a key that it trusts to the one that signs now, by the log's own events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.events.event_sources import PRODUCT
from auditsaas.events.models import events
from auditsaas.events.reading.scans.event_rows import ROW_COLUMNS
from auditsaas.events.stored import stored_event
from auditsaas.evidence.format import notes
from auditsaas.evidence.format.tlog_proof import TlogProof
from auditsaas.evidence.models import checkpoints
from auditsaas.evidence.tree import keys
from auditsaas.evidence.tree.checkpoints import Sealed
from auditsaas.evidence.tree.keys import LogKey
from auditsaas.own_activities import Activity

Prove = Callable[[Sealed, Mapping[str, Any]], TlogProof]
"""Proves a stored event below a checkpoint."""


def steps(
    session: Session, workspace_id: UUID, slug: str, note: str, prove: Prove
) -> list[dict[str, Any]]:
    """Build the steps from each older key of a log to the newest that signed a note.

    None stand there where no key is older. Where retention removed the event of a change, or no
    checkpoint by the key before covers it, they begin after it.
    """
    found: list[dict[str, Any]] = []
    for older, newer in pairwise(up_to_signer(session, workspace_id, note)):
        event = _change(session, workspace_id, slug, newer)
        sealed = _covered(session, workspace_id, older, newer)
        if event is None or sealed is None:
            found.clear()
            continue
        key = str(older.verifier)
        found.append({"key": key, "event": event, "proof": prove(sealed, event).text})
    return found


def up_to_signer(session: Session, workspace_id: UUID, note: str) -> list[LogKey]:
    """Read the keys of a note's log up to the newest that signed it, the oldest first."""
    text, lines = notes.split(note)
    origin = notes.Checkpoint.parse(text).origin
    known = [one for one in keys.verifier_keys(session, workspace_id) if one.origin == origin]
    while known and not notes.signatures_of(lines, known[-1].verifier):
        known.pop()
    return known


def _change(
    session: Session, workspace_id: UUID, slug: str, newer: LogKey
) -> dict[str, Any] | None:
    """Read the event that tells of a key."""
    found = select(*ROW_COLUMNS).where(
        events.c.workspace_id == workspace_id,
        events.c.seq == newer.seq,
        events.c.activity == Activity.TREE_KEY_ROTATE.value,
        events.c.source == PRODUCT,
    )
    row = session.execute(found).one_or_none()
    return None if row is None else stored_event(row, slug)


def _covered(session: Session, workspace_id: UUID, older: LogKey, newer: LogKey) -> Sealed | None:
    """Read a checkpoint by the older key that covers the event of the newer one."""
    found = select(checkpoints).where(
        checkpoints.c.workspace_id == workspace_id, checkpoints.c.size >= newer.seq
    )
    row = session.execute(found.order_by(checkpoints.c.size).limit(1)).one_or_none()
    if row is None or not notes.signatures_of(notes.split(row.note)[1], older.verifier):
        return None
    return Sealed(row.size, row.root, row.note, row.at)
