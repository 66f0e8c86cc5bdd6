"""Verifies files against their rows: those of finished exports, and uploads that wait."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from auditsaas.db import platform
from auditsaas.db.platform import JOBS
from auditsaas.exports.models import Export, ExportState
from auditsaas.imports.models import FINAL_STATES, Import, ImportState
from auditsaas.operations.verification.damage import Damage, Report
from auditsaas.storage.base import FileMissing, Storage, StorageError

CHUNK: Final = 1 << 20
ROWS: Final = 200
"""So many rows are held at once."""


def exports(session: Session, storage: Storage, workspace: UUID | None = None) -> Iterator[Report]:
    """Read each finished export's file through, and compare its size and SHA-256 with its row."""
    wanted = select(
        *(Export.id, Export.file_key, Export.bytes, Export.sha256, Export.expires_at),
        *(Export.proof, Export.bundle_key, Export.bundle_bytes, Export.bundle_sha256),
    ).where(Export.state == ExportState.READY)
    if workspace is not None:
        wanted = wanted.where(Export.workspace_ids.contains([workspace]))
    for row in _rows(session, wanted.order_by(Export.id)):
        damages = tuple(_of_export(storage, row))
        if damages and row.expires_at and row.expires_at <= datetime.now(UTC):
            continue  # its time is over, and it is being removed
        yield Report(
            part="export",
            name=str(row.id),
            words=_as_made(row),
            figures={"bytes": (row.bytes or 0) + (row.bundle_bytes or 0)},
            damages=damages,
        )


def imports(session: Session, storage: Storage, workspace: UUID | None = None) -> Iterator[Report]:
    """Compare each import's row with itself and, where it waits, with its upload."""
    wanted = select(
        *(Import.id, Import.state, Import.file_key, Import.bytes, Import.bytes_done),
        *(Import.bytes_total, Import.added, Import.already_there, Import.refused),
        *(Import.conflicts, Import.started_at, Import.finished_at),
    )
    if workspace is not None:
        wanted = wanted.where(Import.workspace_id == workspace)
    for row in _rows(session, wanted.order_by(Import.id)):
        yield Report(
            part="import",
            name=str(row.id),
            words=f"{row.state}, {row.added:,} events added",
            figures={"added": row.added},
            damages=tuple(_of_import(storage, row)),
        )


def _rows(session: Session, wanted: Any) -> Iterator[Row[Any]]:
    platform.bind(session, JOBS)
    streamed = wanted.execution_options(yield_per=ROWS)
    yield from session.execute(streamed)


def _as_made(row: Row[Any]) -> str:
    words = f"its file of {row.bytes or 0:,} bytes"
    if not row.proof:
        return f"{words} is as it was made"
    return (
        f"{words}, and its archive with proof of {row.bundle_bytes or 0:,}, are as they were made"
    )


def _of_export(storage: Storage, row: Row[Any]) -> Iterator[Damage]:
    yield from _of_file(storage, "file", row.file_key, row.bytes, row.sha256)
    if row.proof:
        bundle = row.bundle_key, row.bundle_bytes, row.bundle_sha256
        yield from _of_file(storage, "archive with proof", *bundle)


def _of_file(
    storage: Storage, what: str, key: str | None, wanted: int | None, sha256: str | None
) -> Iterator[Damage]:
    if not key or wanted is None or not sha256:
        yield Damage("row", f"is ready, and says no {what}, size or SHA-256")
        return
    try:
        size, digest = _read(storage, key)
    except FileMissing:
        yield Damage("file", f"its {what} is no longer in storage")
        return
    except StorageError as error:
        yield Damage("file", f"its {what} cannot be read: {error}")
        return
    if size != wanted:
        yield Damage("size", f"its {what} has {size:,} bytes, and its row says {wanted:,}")
    elif digest != sha256:
        yield Damage("sha256", f"its {what} has the SHA-256 {digest}, and its row says {sha256}")


def _of_import(storage: Storage, row: Row[Any]) -> Iterator[Damage]:
    numbers = (row.added, row.already_there, row.refused, row.conflicts, row.bytes_done)
    if min(numbers) < 0:
        yield Damage("row", "counts less than nothing")
    if row.state in FINAL_STATES and row.finished_at is None:
        yield Damage("row", f"is {row.state}, and never ended")
    if row.state == ImportState.DONE and row.bytes_total not in (None, row.bytes_done):
        words = f"is done, and {row.bytes_done:,} of {row.bytes_total:,} bytes were read"
        yield Damage("row", words)
    if row.state in FINAL_STATES or not row.file_key:
        return
    try:
        size = storage.size(row.file_key)
    except StorageError as error:
        yield Damage("file", f"waits, and its upload cannot be read: {error}")
        return
    if size != row.bytes:
        yield Damage("size", f"its upload has {size:,} bytes, and its row says {row.bytes:,}")


def _read(storage: Storage, key: str) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with storage.open(key) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()
