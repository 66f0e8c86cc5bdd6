"""Builds the file of one export, as the work of its job."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

from auditsaas.db.replica import PAGE_PATIENCE
from auditsaas.errors import DomainError
from auditsaas.exports.building import finish, proven
from auditsaas.exports.building.finish import Built
from auditsaas.exports.building.keys import bundle_key, file_key
from auditsaas.exports.building.opening import DEFAULT_OPTIONS, InstallationOptions, opened_source
from auditsaas.exports.building.packing import packed
from auditsaas.exports.formats import format_called
from auditsaas.exports.kind import EXPORTS, ExportClaim
from auditsaas.exports.models import Export
from auditsaas.exports.source import Progress
from auditsaas.jobs.heartbeat import Heartbeat
from auditsaas.jobs.leases import NotYet
from auditsaas.jobs.runner import Job
from auditsaas.storage.base import Storage, StorageError, StorageFull
from config.celery import BUILD_SOFT_LIMIT

TOO_LONG = (
    "Building took too long: it was stopped after"
    f" {BUILD_SOFT_LIMIT.total_seconds() / 60:g} minutes."
)
AT_ONCE: Final = timedelta(seconds=5)
"""How long a requester waits for a small file, before a worker builds it instead."""


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
        discard=partial(_discard, storage=storage),
    )


def job_at_once(storage: Storage, options: InstallationOptions) -> Job[Export, Built]:
    """Define the same job for a small export, whose requester waits and needs no telling."""
    here = replace(options, replica_patience=PAGE_PATIENCE)
    return replace(
        export_job(storage, here),
        work=partial(_build, storage=storage, options=here, most=AT_ONCE),
        finish=partial(finish.complete, tells=False),
    )


def _build(
    claim: ExportClaim,
    heartbeat: Heartbeat,
    *,
    storage: Storage,
    options: InstallationOptions,
    most: timedelta | None = None,
) -> Built:
    """Build a file; put it off where it takes longer than ``most``."""
    export = claim.row
    progress = heartbeat.progress if most is None else _within(most, heartbeat.progress)
    if export.proof:
        return proven.build(claim, heartbeat, storage=storage, options=options)
    chosen = format_called(export.format)
    key = file_key(claim)
    with opened_source(claim, options) as (_, source), storage.write(key) as upload:
        heartbeat.interrupts(source.cancel)
        with packed(upload, export.gzip) as out:
            rows = chosen.write(source, out, progress)
        heartbeat.progress(rows)
    return Built(key, rows, upload.size, upload.sha256)


def _within(most: timedelta, progress: Progress) -> Progress:
    deadline = time.monotonic() + most.total_seconds()

    def note(done: int) -> None:
        progress(done)
        if time.monotonic() > deadline:
            raise NotYet("it takes a worker")

    return note


def _clear(claim: ExportClaim, *, storage: Storage) -> None:
    """Remove what earlier attempts of a finished export wrote."""
    for fence in range(1, claim.fence):
        storage.delete(file_key(claim, fence))
        if claim.row.proof:
            storage.delete(bundle_key(claim, fence))


def _discard(built: Built, *, storage: Storage) -> None:
    for key in built.keys:
        storage.delete(key)


def _reason_of(error: BaseException) -> str | None:
    return str(error) if isinstance(error, StorageFull | DomainError) else None


def _last_words(error: Exception, attempts: int) -> str:
    if isinstance(error, StorageError):
        return f"{str(error).split('.')[0]}, {attempts} tries. Nothing was kept."
    return f"The file could not be built, {attempts} tries. Nothing was kept."
