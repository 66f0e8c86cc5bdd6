"""Requests, cancels and finds imports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import BinaryIO
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from auditsaas.db.ids import new_id
from auditsaas.errors import Conflict, FieldError, InvalidFields, NotFound
from auditsaas.events.importers.registry import NAMES
from auditsaas.imports.expired import Expired
from auditsaas.imports.kind import IMPORTS
from auditsaas.imports.models import Import, ImportMapping, ImportState
from auditsaas.storage.base import Storage

LONGEST_NAME = 256
_CHUNK = 1024 * 1024


def request(
    session: Session,
    storage: Storage,
    *,
    workspace_id: UUID,
    person_id: UUID,
    name: str,
    content: BinaryIO,
    format: str,
    time_zone: str | None,
    expired: str = Expired.REFUSE,
) -> Import:
    """Store an uploaded file and request its import; the caller commits, then enqueues.

    ``format`` is one of the formats, or the name of a mapping that the workspace keeps.

    Raises:
        InvalidFields: the format, the zone or what becomes of expired events is none of them.
        StorageError: it could not be kept.
    """
    errors = []
    mapping = None if format in NAMES else session.get(ImportMapping, (workspace_id, format))
    if format not in NAMES and mapping is None:
        errors.append(FieldError("format", "Choose one of the formats."))
    if time_zone is not None and not _is_zone(time_zone):
        errors.append(FieldError("time_zone", "Choose a zone such as Europe/Berlin, or leave it."))
    if expired not in list(Expired):
        errors.append(FieldError("expired", "Choose what becomes of events older than is kept."))
    if errors:
        raise InvalidFields(errors)
    identity = new_id()
    key = f"imports/{identity}/upload"
    with storage.write(key) as upload:
        while chunk := content.read(_CHUNK):
            upload.write(chunk)
    made = Import(
        workspace_id=workspace_id,
        id=identity,
        requested_by=person_id,
        name=_storable(name),
        format=format,
        mapping=None if mapping is None else mapping.form,
        time_zone=time_zone,
        expired=expired,
        file_key=key,
        bytes=upload.size,
    )
    session.add(made)
    session.flush()
    return made


def cancel(session: Session, found: Import) -> None:
    """Cancel an unfinished import; the worker that loads it stops within seconds.

    What went in already stays, for events are never removed.

    Raises:
        Conflict: it is finished already.
    """
    changed = session.scalar(
        update(Import)
        .where(
            Import.workspace_id == found.workspace_id,
            Import.id == found.id,
            IMPORTS.leases.unfinished(),
        )
        .values(state=ImportState.CANCELLED, lease_until=None, finished_at=func.now())
        .returning(Import.id)
        .execution_options(synchronize_session=False)
    )
    if changed is None:
        raise Conflict("This import is finished already.")
    session.refresh(found)


def find(session: Session, workspace_id: UUID, import_id: UUID) -> Import:
    """Find an import; raise NotFound if the workspace has no such one."""
    found = session.scalar(
        select(Import).where(Import.workspace_id == workspace_id, Import.id == import_id)
    )
    if found is None:
        raise NotFound("There is no such import here.")
    return found


def newest(
    session: Session, workspace_id: UUID, *, limit: int, before: UUID | None = None
) -> Sequence[Import]:
    """List a workspace's imports, newest first; those before one, if it is given."""
    found = select(Import).where(Import.workspace_id == workspace_id)
    if before is not None:
        found = found.where(Import.id < before)
    return session.scalars(found.order_by(Import.id.desc()).limit(limit)).all()


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _storable(name: str) -> str:
    """Return the file's own name, whatever path a browser sends before it."""
    last = PurePosixPath(name.replace("\\", "/")).name.replace("\x00", "")
    return last.encode("utf-8", "replace").decode()[:LONGEST_NAME] or "file"
