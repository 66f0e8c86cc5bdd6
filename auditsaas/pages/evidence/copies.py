"""Lists files that were made before a change was found, and may hold what was sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, cast, or_, select
from sqlalchemy.orm import Session

from auditsaas.db.ids import EPOCH
from auditsaas.evidence.checking.models import TreeFinding
from auditsaas.evidence.format import leaf
from auditsaas.evidence.tree.store import Tree, TreeDamaged
from auditsaas.exports import wording
from auditsaas.exports.models import Export, ExportState
from auditsaas.formatting.viewer import Viewer
from auditsaas.formatting.visible_text import visible

SHOWN: Final = 5


@dataclass(frozen=True, kw_only=True)
class Copy:
    """An export whose period and numbers cover the event."""

    title: str
    format: str
    proof: bool
    made_at: datetime
    url: str | None
    """Its page, for those who may open it."""


@dataclass(frozen=True)
class Reader:
    """The person who looks, and what they may open."""

    id: UUID
    reads_all: bool
    exports_url: str
    viewer: Viewer


def of_finding(session: Session, found: TreeFinding, reader: Reader) -> Sequence[Copy]:
    """List exports that are still kept and cover a number, those with a proof first."""
    if found.seq is None:
        return []
    reached = Export.snapshot[str(found.workspace_id)].astext
    kept = or_(Export.expires_at.is_(None), Export.expires_at > datetime.now(UTC))
    chosen = select(Export).where(
        Export.workspace_ids.contains([found.workspace_id]),
        Export.state == ExportState.READY,
        kept,
        Export.created_at <= found.first_at,
        cast(reached, BigInteger) >= found.seq,
        *_covers(_sealed_time(session, found.workspace_id, found.seq)),
    )
    newest = chosen.order_by(Export.proof.desc(), Export.created_at.desc()).limit(SHOWN)
    return [_copy(export, reader) for export in session.scalars(newest)]


def _covers(at: datetime | None) -> list[ColumnElement[bool]]:
    if at is None:
        return []
    return [
        or_(Export.starts_at.is_(None), Export.starts_at <= at),
        or_(Export.ends_at.is_(None), Export.ends_at > at),
    ]


def _sealed_time(session: Session, workspace_id: UUID, seq: int) -> datetime | None:
    """Return when the event happened, as it was sealed; None where that is not known."""
    tree = Tree.of(session, workspace_id)
    try:
        micros, _ = leaf.read_preimage(next(tree.preimages(seq, seq)))
        return EPOCH + timedelta(microseconds=micros)
    except (TreeDamaged, ValueError, OverflowError):
        return None


def _copy(export: Export, reader: Reader) -> Copy:
    may_open = reader.reads_all or export.requested_by == reader.id
    return Copy(
        title=visible(wording.title(export, reader.viewer)),
        format=wording.format_name(export.format),
        proof=export.proof,
        made_at=export.created_at,
        url=f"{reader.exports_url}/{export.id}" if may_open else None,
    )
