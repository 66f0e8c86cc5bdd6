"""Loads one uploaded file, as the work of its job.

Each batch of events and its count are one transaction under the claim's fence. So an import that
was cut off is simply run again, and what it added is counted once.
"""

from __future__ import annotations

from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.errors import DomainError
from auditsaas.events.event_sources import of_import
from auditsaas.events.importers.budget import UNBOUNDED, Budget
from auditsaas.events.importers.format import Format
from auditsaas.events.importers.lines import Source, SourceError, UnknownFormat, open_stream
from auditsaas.events.importers.registry import checked_format
from auditsaas.imports import finish
from auditsaas.imports.expired import Expired, ExpiredEvents
from auditsaas.imports.finish import Loaded
from auditsaas.imports.kind import IMPORTS, ImportClaim
from auditsaas.imports.load import load
from auditsaas.imports.mappings import format_by
from auditsaas.imports.models import Import
from auditsaas.imports.outcome import Outcome
from auditsaas.jobs.heartbeat import Heartbeat
from auditsaas.jobs.runner import Job
from auditsaas.storage.base import FileMissing, Storage
from auditsaas.workspaces.models import Workspace
from config.celery import IMPORT_SOFT_LIMIT

KEPT_REFUSALS = 100
TOO_LONG = (
    "Importing took too long: it was stopped after"
    f" {IMPORT_SOFT_LIMIT.total_seconds() / 3600:g} hours. Upload the file again to continue."
)


def import_job(storage: Storage, budget: Budget = UNBOUNDED) -> Job[Import, Loaded]:
    """Define the job that loads a file kept in ``storage``, within a budget."""
    return Job(
        kind=IMPORTS,
        doing="Importing",
        work=partial(_load, storage=storage, budget=budget),
        finish=finish.complete,
        fail=finish.fail,
        reason_of=_reason_of,
        last_words=_last_words,
        too_long=TOO_LONG,
        clear=partial(_clear, storage=storage),
    )


def _load(claim: ImportClaim, heartbeat: Heartbeat, *, storage: Storage, budget: Budget) -> Loaded:
    asked = claim.row
    with (
        storage.open(asked.file_key or "") as file,
        open_stream(asked.name, file, budget) as source,
    ):
        return Loaded(_loaded(claim, source, heartbeat), source.identity)


def _loaded(claim: ImportClaim, source: Source, heartbeat: Heartbeat) -> Outcome:
    zone = ZoneInfo(claim.row.time_zone) if claim.row.time_zone else None
    chosen = checked_format(source, _format_of(claim.row), zone)
    outcome = Outcome(chosen.key, shown=KEPT_REFUSALS)
    session = tenancy.bind(claim.scope)
    done = 0

    def progress(read: int) -> None:
        nonlocal done
        done += read
        heartbeat.progress(done)

    def note() -> None:
        _note(session, claim, outcome, source.size, done)

    load(
        session,
        session.get_one(Workspace, claim.row.workspace_id),
        source,
        chosen,
        outcome,
        event_source=of_import(claim.row.id),
        zone=zone,
        expired=Expired(claim.row.expired),
        progress=progress,
        before_commit=note,
    )
    return outcome


def _format_of(asked: Import) -> str | Format:
    return asked.format if asked.mapping is None else format_by(asked.format, asked.mapping)


def _note(session: Session, claim: ImportClaim, outcome: Outcome, total: int, done: int) -> None:
    """Count a batch in its own transaction.

    Raises:
        LostLease: the batch is not to be committed.
    """
    if not claim.renew(session, done, bytes_total=total, **finish.counts(claim, outcome)):
        raise claim.lost()


def _clear(claim: ImportClaim, *, storage: Storage) -> None:
    if claim.row.file_key is not None:
        storage.delete(claim.row.file_key)


def _reason_of(error: BaseException) -> str | None:
    if isinstance(error, ExpiredEvents):
        return f"{error}. Nothing was imported. Upload it again and choose what becomes of them."
    if isinstance(error, UnknownFormat):
        hint = "CSV and JSON of any kind can be read by a mapping: make one under Mappings."
        return f"{error}. Nothing was imported. {hint}"
    if isinstance(error, SourceError):
        return f"{error}. Nothing was imported."
    if isinstance(error, FileMissing):
        return "The upload is no longer in storage. Upload the file again."
    return str(error) if isinstance(error, DomainError) else None


def _last_words(_error: Exception, attempts: int) -> str:
    return f"The file could not be imported, {attempts} tries. Upload it again to continue."
