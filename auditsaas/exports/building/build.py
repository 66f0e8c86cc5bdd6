"""Builds the file of one export, as the work of its job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from auditsaas.db import tenancy
from auditsaas.errors import DomainError
from auditsaas.events.reading.scans.source import source
from auditsaas.exports.building import finish
from auditsaas.exports.building.file_header import about_export
from auditsaas.exports.building.finish import Built
from auditsaas.exports.building.packing import packed
from auditsaas.exports.building.reader import reader
from auditsaas.exports.columns import COLUMNS
from auditsaas.exports.formats import format_called
from auditsaas.exports.kind import EXPORTS, ExportClaim
from auditsaas.exports.limits import ROW_LIMITS
from auditsaas.exports.models import Export
from auditsaas.exports.source import About, Source
from auditsaas.jobs.heartbeat import Heartbeat
from auditsaas.jobs.runner import Job
from auditsaas.storage.base import Storage, StorageError, StorageFull
from auditsaas.workspaces.models import Workspace
from config.celery import BUILD_SOFT_LIMIT

TOO_LONG = (
    "Building took too long: it was stopped after"
    f" {BUILD_SOFT_LIMIT.total_seconds() / 60:g} minutes."
)


@dataclass(frozen=True, kw_only=True)
class InstallationOptions:
    """The installation's options for all exports."""

    brand: str = "AuditSaaS"
    row_limits: Mapping[str, int] = field(default_factory=lambda: ROW_LIMITS)


DEFAULT_OPTIONS = InstallationOptions()


def export_job(
    storage: Storage, options: InstallationOptions = DEFAULT_OPTIONS
) -> Job[Export, Built]:
    """Define the job that builds an export into a file of ``storage``."""
    return Job(
        kind=EXPORTS,
        doing="Building",
        work=partial(_build, storage=storage, options=options),
        finish=finish.complete,
        fail=finish.fail,
        reason_of=_reason_of,
        last_words=_last_words,
        too_long=TOO_LONG,
        clear=partial(_clear, storage=storage),
        discard=lambda built: storage.delete(built.key),
    )


def _build(
    claim: ExportClaim, heartbeat: Heartbeat, *, storage: Storage, options: InstallationOptions
) -> Built:
    export = claim.row
    chosen = format_called(export.format)
    key = f"{_folder(claim)}{claim.fence}.{_extension(export)}"
    with _source(claim, options) as source, storage.write(key) as upload:
        heartbeat.interrupts(source.cancel)
        with packed(upload, export.gzip) as out:
            rows = chosen.write(source, out, heartbeat.progress)
        heartbeat.progress(rows)
    return Built(key, rows, upload.size, upload.sha256)


@contextmanager
def _source(claim: ExportClaim, options: InstallationOptions) -> Iterator[Source]:
    """Open the export's rows in one transaction of the pool that its requester read through."""
    export = claim.row
    with reader(claim) as session:
        found = session.execute(
            select(Workspace.id, Workspace.slug, Workspace.name).where(
                Workspace.id.in_(export.workspace_ids)
            )
        ).all()
        logs = source(
            session,
            export.workspace_ids,
            export.pinned_filter,
            snapshot=export.snapshot_seqs,
            since=export.since_seqs,
        )
        yield Source(
            connection=session.connection(),
            select=logs.ordered,
            slugs={row.id: row.slug for row in found},
            zone=ZoneInfo(export.time_zone),
            columns=tuple(export.columns or COLUMNS),
            row_limit=options.row_limits.get(export.format),
            about=_about(claim, {row.id: row.name for row in found}, options.brand),
        )


def _about(claim: ExportClaim, names: Mapping[UUID, str], brand: str) -> About:
    session = tenancy.bind(claim.scope)
    about = about_export(session.get_one(Export, claim.id), names, brand)
    session.commit()
    return about


def _clear(claim: ExportClaim, *, storage: Storage) -> None:
    """Remove what earlier attempts of a finished export wrote."""
    for fence in range(1, claim.fence):
        storage.delete(f"{_folder(claim)}{fence}.{_extension(claim.row)}")


def _folder(claim: ExportClaim) -> str:
    return f"exports/{claim.id}/"


def _extension(export: Export) -> str:
    plain = format_called(export.format).extension
    return f"{plain}.gz" if export.gzip else plain


def _reason_of(error: BaseException) -> str | None:
    return str(error) if isinstance(error, StorageFull | DomainError) else None


def _last_words(error: Exception, attempts: int) -> str:
    if isinstance(error, StorageError):
        return f"{str(error).split('.')[0]}, {attempts} tries. Nothing was kept."
    return f"The file could not be built, {attempts} tries. Nothing was kept."
