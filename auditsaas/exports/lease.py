"""The leases of exports: who may build one, and all that building it needs to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.db.tenancy import Scope
from auditsaas.exports.formats import FORMATS, Options
from auditsaas.exports.models import Export, ExportState
from auditsaas.jobs.leases import LEASE, MAX_ATTEMPTS, MESSAGE_GRACE, Leases, LostLease
from auditsaas.jobs.message import Message
from config.celery import QUICK

__all__ = ["LEASE", "MAX_ATTEMPTS", "MESSAGE_GRACE", "LostLease"]

BUILD = "exports.build"
UNFINISHED = (ExportState.QUEUED, ExportState.BUILDING)

_leases = Leases(Export, *UNFINISHED)


@dataclass(frozen=True)
class Claim:
    """The right to build an export, and all that building it needs to know."""

    export_id: UUID
    fence: int
    attempt: int
    workspace_ids: tuple[UUID, ...]
    requested_by: UUID | None
    requested_by_key: UUID | None
    through_platform: bool
    format: str
    query: str
    starts_at: datetime | None
    ends_at: datetime | None
    time_zone: str
    since: dict[UUID, int] | None
    snapshot: dict[UUID, int]
    options: Options
    created_at: datetime

    @property
    def scope(self) -> Scope:
        return Scope.of(*self.workspace_ids, user=self.requested_by)

    def __str__(self) -> str:
        return f"Export {self.export_id}"

    def renew(self, session: Session, rows_done: int) -> bool:
        return renew(session, self, rows_done)


@dataclass(frozen=True)
class Waiting:
    """An export that no worker is building."""

    export_id: UUID
    fence: int
    format: str


def build_message(export_id: UUID, format: str) -> Message:
    """What tells a worker that an export is waiting to be built."""
    return Message(BUILD, export_id, FORMATS[format].queue if format in FORMATS else QUICK)


def waiting(platform: Session, limit: int = 500) -> Sequence[Waiting]:
    """The oldest exports, of all workspaces, that nothing is under way for."""
    found = _leases.waiting(platform, Export.id, Export.fence, Export.format, limit=limit)
    return [Waiting(row.id, row.fence, row.format) for row in found]


def scope_of_export(platform: Session, export_id: UUID) -> Scope | None:
    """What a worker must bind to touch an export, of which its message only knows the id."""
    row = platform.execute(
        select(Export.workspace_ids, Export.requested_by).where(Export.id == export_id)
    ).one_or_none()
    return None if row is None else Scope.of(*row.workspace_ids, user=row.requested_by)


def claim(session: Session, export_id: UUID) -> Claim | None:
    """Take an export that is waiting; None where it is finished, or another worker has it."""
    export = _leases.take(session, export_id, rows_done=0)
    return None if export is None else _claim(export)


def held(session: Session, export_id: UUID) -> Claim | None:
    """The claim under which an export is being built now, whoever holds it."""
    export = session.scalar(
        select(Export).where(Export.id == export_id, Export.state == ExportState.BUILDING)
    )
    return None if export is None else _claim(export)


def renew(session: Session, claim: Claim, rows_done: int) -> bool:
    """Report progress and extend the lease; False where it was lost."""
    return _leases.renew(session, claim.export_id, claim.fence, rows_done=rows_done)


def release(session: Session, claim: Claim, delay: timedelta) -> bool:
    """Give the export back, to be tried again after ``delay``; False where the lease was lost."""
    return _leases.release(session, claim.export_id, claim.fence, delay)


def conclude(session: Session, claim: Claim, state: ExportState, **values: Any) -> None:
    """Give the export its final state.

    Raises:
        LostLease: it is no longer this claim's to finish.
    """
    _leases.conclude(session, claim.export_id, claim.fence, state, **values)


def _claim(export: Export) -> Claim:
    return Claim(
        export_id=export.id,
        fence=export.fence,
        attempt=export.attempts,
        workspace_ids=tuple(export.workspace_ids),
        requested_by=export.requested_by,
        requested_by_key=export.requested_by_key,
        through_platform=export.through_platform,
        format=export.format,
        query=export.query,
        starts_at=export.starts_at,
        ends_at=export.ends_at,
        time_zone=export.time_zone,
        since=None if export.since is None else {UUID(k): seq for k, seq in export.since.items()},
        snapshot={UUID(key): seq for key, seq in export.snapshot.items()},
        options=Options(tuple(export.columns or ()), export.gzip),
        created_at=export.created_at,
    )
