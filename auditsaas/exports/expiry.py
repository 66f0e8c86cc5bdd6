"""Removes expired files and files without an export; the exports' rows stay."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from auditsaas.exports.models import FINAL_STATES, Export, ExportState
from auditsaas.storage.base import Storage

FOLDER = "exports/"


def expired(platform: Session, limit: int = 500) -> list[UUID]:
    """Select exports of all workspaces with an expired file."""
    return list(
        platform.scalars(
            select(Export.id)
            .where(Export.state == ExportState.READY, Export.expires_at < func.now())
            .order_by(Export.expires_at)
            .limit(limit)
        )
    )


def expire(session: Session, export_id: UUID, storage: Storage) -> bool:
    """Remove an export's expired file; return whether this call removed it.

    The file goes first: were it the other way round, a crash between would keep it for ever.
    """
    export = session.scalar(
        select(Export)
        .where(
            Export.id == export_id,
            Export.state == ExportState.READY,
            Export.expires_at < func.now(),
        )
        .with_for_update(of=Export)
    )
    if export is None:
        return False
    for key in (export.bundle_key, export.file_key):
        if key is not None:
            storage.delete(key)
    session.execute(
        update(Export)
        .where(Export.id == export_id)
        .values(state=ExportState.EXPIRED, file_key=None, bundle_key=None)
    )
    return True


def strays(platform: Session, storage: Storage) -> Iterator[str]:
    """List keys that belong to no finished export: of a worker that was killed, or came too late.

    An export that is not finished keeps everything, for its next attempt removes what is left.
    """
    found: dict[str, list[str]] = {}
    for key in storage.keys(FOLDER):
        found.setdefault(key.removeprefix(FOLDER).partition("/")[0], []).append(key)
    ids = [UUID(name) for name in found if _is_id(name)]
    for start in range(0, len(ids), 500):
        rows = platform.execute(
            select(Export.id, Export.state, Export.file_key, Export.bundle_key).where(
                Export.id.in_(ids[start : start + 500])
            )
        )
        for row in rows:
            if row.state in FINAL_STATES:
                kept = (row.file_key, row.bundle_key)
                yield from (key for key in found[str(row.id)] if key not in kept)


def _is_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
