"""Loads one uploaded file from claim to notification.

Each batch of events and its count are one transaction under the claim's fence. So an import that
was cut off is simply run again, and what it added is counted once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import platform_session
from auditsaas.errors import DomainError
from auditsaas.events.importers.lines import Source, SourceError, open_stream
from auditsaas.events.importers.registry import checked_format
from auditsaas.extensions import db
from auditsaas.imports import finish, lease
from auditsaas.imports.expired import ExpiredEvents
from auditsaas.imports.lease import LEASES, Claim
from auditsaas.imports.load import load
from auditsaas.imports.outcome import Outcome
from auditsaas.jobs.heartbeat import Heartbeat
from auditsaas.jobs.leases import MAX_ATTEMPTS, RETRY_DELAY, LostLease
from auditsaas.storage.base import FileMissing, Storage, StorageError
from auditsaas.workspaces.models import Workspace

KEPT_REFUSALS = 100

log = logging.getLogger(__name__)


def run(
    import_id: UUID, storage: Storage, *, reasons: Mapping[type[Exception], str] | None = None
) -> None:
    """Load a file, if it is waiting.

    ``reasons`` are the words for exceptions that come from outside, such as a time limit, and
    after which there is no other try.
    """
    claim = _claimed(import_id)
    if claim is None:
        return
    try:
        if claim.attempt > MAX_ATTEMPTS:
            _give_up(claim, f"Importing stopped {MAX_ATTEMPTS} times without finishing.", storage)
            return
        _load(claim, storage)
    except LostLease:
        tenancy.bind(claim.scope).rollback()
        log.info("%s: attempt %d was stopped", claim, claim.attempt)
    except Exception as error:  # noqa: BLE001  # whatever it is, it ends in words
        _settle(claim, error, reasons or {}, storage)


def _claimed(import_id: UUID) -> Claim | None:
    with platform_session() as platform:
        scope = lease.scope_of_import(platform, import_id)
    if scope is None:
        return None
    session = tenancy.bind(scope)
    claim = lease.claim(session, import_id)
    session.commit()
    return claim


def _load(claim: Claim, storage: Storage) -> None:
    with (
        Heartbeat(claim, db.engine) as heartbeat,
        storage.open(claim.file_key) as file,
        open_stream(claim.name, file) as source,
    ):
        try:
            outcome = _loaded(claim, source, heartbeat)
        except Exception as error:
            if heartbeat.lost:
                raise LostLease(str(claim)) from error
            raise
    session = tenancy.bind(claim.scope)
    finish.complete(session, claim, outcome, source.identity, _counts(claim, outcome))
    session.commit()
    storage.delete(claim.file_key)


def _loaded(claim: Claim, source: Source, heartbeat: Heartbeat) -> Outcome:
    zone = ZoneInfo(claim.time_zone) if claim.time_zone else None
    chosen = checked_format(source, claim.format, zone)
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
        session.get_one(Workspace, claim.workspace_id),
        source,
        chosen,
        outcome,
        zone=zone,
        expired=claim.expired,
        progress=progress,
        before_commit=note,
    )
    return outcome


def _note(session: Session, claim: Claim, outcome: Outcome, total: int, done: int) -> None:
    """Count a batch in its own transaction.

    Raises:
        LostLease: the batch is not to be committed.
    """
    values = {"bytes_total": total, "bytes_done": done, **_counts(claim, outcome)}
    if not LEASES.renew(session, claim.import_id, claim.fence, **values):
        raise LostLease(str(claim))


def _counts(claim: Claim, outcome: Outcome) -> dict[str, Any]:
    return {
        "added": claim.added_before + outcome.added,
        "already_there": max(0, outcome.already_there - claim.added_before),
        "refused": outcome.refused,
        "conflicts": outcome.conflicts,
        "format": outcome.format,
    }


def _settle(
    claim: Claim, error: Exception, reasons: Mapping[type[Exception], str], storage: Storage
) -> None:
    """Decide what a failed attempt means: an end in words, or another try."""
    session = tenancy.bind(claim.scope)
    session.rollback()
    reason = _reason(claim, error, reasons)
    log.warning("%s: attempt %d failed", claim, claim.attempt, exc_info=error)
    try:
        if reason is None:
            LEASES.release(session, claim.import_id, claim.fence, RETRY_DELAY * claim.attempt)
            session.commit()
        else:
            _give_up(claim, reason, storage)
    except LostLease:
        session.rollback()
    except SQLAlchemyError:
        # The lease lapses by itself, and the sweeper finds the import then.
        session.rollback()
        log.warning("%s: could not be given back", claim, exc_info=True)


def _give_up(claim: Claim, reason: str, storage: Storage) -> None:
    session = tenancy.bind(claim.scope)
    finish.fail(session, claim, reason)
    session.commit()
    try:
        storage.delete(claim.file_key)
    except StorageError as error:
        log.warning("%s: its file stays in storage: %s", claim, error)


def _reason(claim: Claim, error: Exception, reasons: Mapping[type[Exception], str]) -> str | None:
    """Why there is no use in trying again; None where there is."""
    for kind, words in reasons.items():
        if isinstance(error, kind):
            return words
    if isinstance(error, ExpiredEvents):
        return f"{error}. Nothing was imported. Upload it again and choose what becomes of them."
    if isinstance(error, SourceError):
        return f"{error}. Nothing was imported."
    if isinstance(error, FileMissing):
        return "The upload is no longer in storage. Upload the file again."
    if isinstance(error, DomainError):
        return str(error)
    if claim.attempt < MAX_ATTEMPTS:
        return None
    return f"The file could not be imported, {MAX_ATTEMPTS} tries. Upload it again to continue."
