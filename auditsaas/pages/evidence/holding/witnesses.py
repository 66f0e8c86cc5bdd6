"""Presents the witnesses of a log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.evidence.tree.store import Tree
from auditsaas.evidence.witnesses import outside, registry
from auditsaas.evidence.witnesses.models import cosignatures
from auditsaas.evidence.witnesses.outside import Known
from auditsaas.evidence.witnesses.registry import Witness
from auditsaas.evidence.witnesses.rounds import holder
from auditsaas.formatting.visible_text import visible
from auditsaas.pages.evidence.head import Head
from auditsaas.pages.evidence.holding import lanes
from auditsaas.pages.evidence.holding.holder import Holder

NEWEST: Final = 50_000
"""Cosignatures that are looked at: more than all witnesses of a log make in a day."""


def listed(session: Session, workspace_id: UUID, head: Head, now: datetime) -> list[Holder]:
    """Present the witnesses of a log."""
    found = registry.listed(session, workspace_id)
    taken = _taken(session, workspace_id, now) if found else {}
    contradicting = _contradicting(session, workspace_id) if head.forked_for else frozenset()
    return [
        _witness(one, taken.get(one.id, ()), head, now, disagrees=holder(one) in contradicting)
        for one in found
    ]


def _witness(
    one: Witness, taken: Sequence[datetime], head: Head, now: datetime, *, disagrees: bool
) -> Holder:
    units = [lanes.unit_of(at, now) for at in taken]
    return Holder(
        name=visible(one.name),
        tags=("Witness, required",) if one.required else ("Witness",),
        where=visible(one.url),
        size=one.last_size,
        at=one.last_at,
        state="disagrees" if disagrees else _state(one, head),
        silent_since=one.failing_since,
        error=visible(one.last_error or ""),
        lane=lanes.marks(units, one.failing_since, now),
        taken=len(taken),
    )


def _state(one: Witness, head: Head) -> str:
    if one.failing_since is not None:
        return "silent"
    if one.last_at is None:
        return "waits"
    return "holds" if one.last_size >= head.size else "behind"


def _taken(
    session: Session, workspace_id: UUID, now: datetime
) -> Mapping[UUID, Sequence[datetime]]:
    """Read when each witness cosigned in the last 24 hours."""
    newest = (
        select(cosignatures.c.witness_id, cosignatures.c.at)
        .where(cosignatures.c.workspace_id == workspace_id)
        .order_by(cosignatures.c.size.desc())
        .limit(NEWEST)
        .subquery()
    )
    taken: dict[UUID, list[datetime]] = defaultdict(list)
    for row in session.execute(select(newest).where(newest.c.at >= now - lanes.DAY)):
        taken[row.witness_id].append(row.at)
    return taken


def _contradicting(session: Session, workspace_id: UUID) -> frozenset[str]:
    """Return the holders that hold another history than what is stored."""
    grown = Tree.of(session, workspace_id).size
    return frozenset(
        known.holder
        for known in outside.known(session, workspace_id)
        if _contradicts(session, workspace_id, known, grown)
    )


def _contradicts(session: Session, workspace_id: UUID, known: Known, grown: int) -> bool:
    if known.size > grown:
        return True
    return Tree.of(session, workspace_id, known.size).root != known.root
