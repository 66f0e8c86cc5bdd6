"""Builds one export from claim to notification.

Each step is a transaction of its own and is committed here: a claim must be seen by other workers
at once, and a file belongs to an export only when the finish is committed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from auditsaas.db import tenancy
from auditsaas.db.tenancy import platform_session
from auditsaas.errors import DomainError
from auditsaas.events.reading import pages
from auditsaas.exports import finish, lease
from auditsaas.exports.columns import COLUMNS
from auditsaas.exports.file_header import about_export
from auditsaas.exports.formats import format_called
from auditsaas.exports.frozen_filter import pinned_filter
from auditsaas.exports.lease import Claim, LostLease
from auditsaas.exports.limits import ROW_LIMITS
from auditsaas.exports.models import Export
from auditsaas.exports.packing import packed
from auditsaas.exports.reader import reader
from auditsaas.exports.source import About, Source
from auditsaas.extensions import db
from auditsaas.jobs.heartbeat import Heartbeat
from auditsaas.storage.base import Storage, StorageError, StorageFull
from auditsaas.workspaces.models import Workspace

RETRY_DELAY = timedelta(seconds=5)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Built:
    """A file that is whole and in storage."""

    key: str
    rows: int
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class House:
    """What an installation decides for all its exports."""

    brand: str = "AuditSaaS"
    row_limits: Mapping[str, int] = field(default_factory=lambda: ROW_LIMITS)


HOUSE = House()


def build(
    export_id: UUID,
    storage: Storage,
    *,
    house: House = HOUSE,
    reasons: Mapping[type[Exception], str] | None = None,
) -> None:
    """Build an export, if it is waiting.

    ``reasons`` are the words for exceptions that come from outside, such as a time limit, and
    after which there is no other try.
    """
    claim = _claimed(export_id)
    if claim is None:
        return
    try:
        if claim.attempt > lease.MAX_ATTEMPTS:
            give_up(claim, f"Building stopped {lease.MAX_ATTEMPTS} times without finishing.")
            return
        built = _write(claim, storage, house)
        _finish(claim, storage, built)
    except LostLease:
        log.info("Export %s: attempt %d was stopped", claim.export_id, claim.attempt)
    except Exception as error:  # noqa: BLE001  # whatever it is, it ends in words
        _settle(claim, error, reasons or {})


def stop(export_id: UUID, reason: str) -> None:
    """Fail an export whose worker was killed while it was building."""
    with platform_session() as platform:
        scope = lease.scope_of_export(platform, export_id)
    if scope is None:
        return
    session = tenancy.bind(scope)
    # This is the worker's first process, which must not wait long; the lease lapses in any case.
    session.execute(text("SET LOCAL lock_timeout = '3s'"))
    claim = lease.held(session, export_id)
    if claim is not None:
        give_up(claim, reason)


def give_up(claim: Claim, reason: str) -> None:
    """Fail an export for good, saying why in words."""
    session = tenancy.bind(claim.scope)
    finish.fail(session, claim, reason)
    session.commit()


def _claimed(export_id: UUID) -> Claim | None:
    with platform_session() as platform:
        scope = lease.scope_of_export(platform, export_id)
    if scope is None:
        return None
    session = tenancy.bind(scope)
    claim = lease.claim(session, export_id)
    session.commit()
    return claim


def _write(claim: Claim, storage: Storage, house: House) -> Built:
    chosen = format_called(claim.format)
    extension = f"{chosen.extension}.gz" if claim.options.gzip else chosen.extension
    key = f"exports/{claim.export_id}/{claim.fence}.{extension}"
    with Heartbeat(claim, db.engine) as heartbeat:
        try:
            with _source(claim, house) as source, storage.write(key) as upload:
                heartbeat.interrupts(source.cancel)
                with packed(upload, claim.options.gzip) as out:
                    rows = chosen.write(source, out, heartbeat.progress)
                heartbeat.progress(rows)
        except Exception as error:
            if heartbeat.lost:
                raise LostLease(str(claim.export_id)) from error
            raise
    return Built(key, rows, upload.size, upload.sha256)


@contextmanager
def _source(claim: Claim, house: House) -> Iterator[Source]:
    """The rows of the export in one transaction of the pool that its asker read through."""
    with reader(claim) as session:
        found = session.execute(
            select(Workspace.id, Workspace.slug, Workspace.name).where(
                Workspace.id.in_(claim.workspace_ids)
            )
        ).all()
        yield Source(
            connection=session.connection(),
            select=lambda columns: pages.ordered(
                session,
                claim.workspace_ids,
                pinned_filter(claim),
                columns=columns,
                snapshot=claim.snapshot,
                since=claim.since,
            ),
            slugs={row.id: row.slug for row in found},
            zone=ZoneInfo(claim.time_zone),
            columns=claim.options.columns or COLUMNS,
            row_limit=house.row_limits.get(claim.format),
            about=_about(claim, {row.id: row.name for row in found}, house),
        )


def _about(claim: Claim, names: Mapping[UUID, str], house: House) -> About:
    session = tenancy.bind(claim.scope)
    about = about_export(session.get_one(Export, claim.export_id), names, house.brand)
    session.commit()
    return about


def _finish(claim: Claim, storage: Storage, built: Built) -> None:
    session = tenancy.bind(claim.scope)
    try:
        finish.complete(
            session,
            claim,
            file_key=built.key,
            rows=built.rows,
            size=built.size,
            sha256=built.sha256,
        )
    except LostLease:
        session.rollback()
        storage.delete(built.key)
        raise
    session.commit()
    extension = built.key.rpartition("/")[2].partition(".")[2]
    for fence in range(1, claim.fence):
        storage.delete(f"exports/{claim.export_id}/{fence}.{extension}")


def _settle(claim: Claim, error: Exception, reasons: Mapping[type[Exception], str]) -> None:
    """Decide what a failed attempt means: an end in words, or another try."""
    session = tenancy.bind(claim.scope)
    session.invalidate()
    reason = _reason(claim, error, reasons)
    log.warning("Export %s: attempt %d failed", claim.export_id, claim.attempt, exc_info=error)
    try:
        if reason is None:
            lease.release(session, claim, RETRY_DELAY * claim.attempt)
            session.commit()
        else:
            give_up(claim, reason)
    except LostLease:
        session.rollback()
    except SQLAlchemyError:
        # The lease lapses by itself, and the sweeper finds the export then.
        session.rollback()
        log.warning("Export %s: could not be given back", claim.export_id, exc_info=True)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those that it arose from: a cleaning up that fails hides what led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _reason(claim: Claim, error: Exception, reasons: Mapping[type[Exception], str]) -> str | None:
    """Why there is no use in trying again; None where there is."""
    for kind, words in reasons.items():
        if any(isinstance(cause, kind) for cause in _causes(error)):
            return words
    if isinstance(error, StorageFull | DomainError):
        return str(error)
    if claim.attempt < lease.MAX_ATTEMPTS:
        return None
    tries = f"{lease.MAX_ATTEMPTS} tries"
    if isinstance(error, StorageError):
        return f"{str(error).split('.')[0]}, {tries}. Nothing was kept."
    return f"The file could not be built, {tries}. Nothing was kept."
