"""The leases of imports: who may load a file, and all that loading it needs to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.db.tenancy import Scope
from auditsaas.imports.expired import Expired
from auditsaas.imports.models import Import, ImportState
from auditsaas.jobs.leases import Leases
from auditsaas.jobs.message import Message
from config.celery import HEAVY

RUN = "imports.run"
LEASES = Leases(Import, ImportState.QUEUED, ImportState.RUNNING)


@dataclass(frozen=True)
class Claim:
    """The right to load a file."""

    import_id: UUID
    fence: int
    attempt: int
    workspace_id: UUID
    requested_by: UUID
    name: str
    format: str
    time_zone: str | None
    expired: Expired
    file_key: str
    added_before: int
    """Events that earlier attempts added; to this one they are already there."""

    @property
    def scope(self) -> Scope:
        return Scope.of(self.workspace_id, user=self.requested_by)

    def __str__(self) -> str:
        return f"Import {self.import_id}"

    def renew(self, session: Session, done: int) -> bool:
        return LEASES.renew(session, self.import_id, self.fence, bytes_done=done)


def run_message(import_id: UUID) -> Message:
    """What tells a worker that an import is waiting to be run."""
    return Message(RUN, import_id, HEAVY)


def waiting(platform: Session) -> Sequence[Any]:
    """``id`` and ``fence`` of the oldest imports, of all workspaces, that nobody loads."""
    return LEASES.waiting(platform, Import.id, Import.fence)


def scope_of_import(platform: Session, import_id: UUID) -> Scope | None:
    """What a worker must bind to touch an import, of which its message only knows the id."""
    row = platform.execute(
        select(Import.workspace_id, Import.requested_by).where(Import.id == import_id)
    ).one_or_none()
    return None if row is None else Scope.of(row.workspace_id, user=row.requested_by)


def claim(session: Session, import_id: UUID) -> Claim | None:
    """Take an import that is waiting; None where it is finished, or another worker has it."""
    found = LEASES.take(session, import_id, bytes_done=0)
    if found is None:
        return None
    return Claim(
        import_id=found.id,
        fence=found.fence,
        attempt=found.attempts,
        workspace_id=found.workspace_id,
        requested_by=found.requested_by,
        name=found.name,
        format=found.format,
        time_zone=found.time_zone,
        expired=Expired(found.expired),
        file_key=found.file_key or "",
        added_before=found.added,
    )
