"""Works on one job, of whatever kind: claim, heartbeat, work, finish; or settle what failed.

Each step is a transaction of its own and is committed here: a claim must be seen by other workers
at once, and what was made belongs to the job only when its finish is committed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.platform import JOBS, platform_session
from auditsaas.db.tenancy import Scope
from auditsaas.extensions import db
from auditsaas.jobs.heartbeat import Heartbeat
from auditsaas.jobs.kind import Claim, Kind, Message
from auditsaas.jobs.leases import LostLease, NotYet

Model = TypeVar("Model")
Made = TypeVar("Made")
"""The product of the work, such as a file in storage."""

Limits = tuple[type[Exception], ...]
"""The exceptions that a time limit raises in the middle of the work."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Job(Generic[Model, Made]):
    """The steps of one kind of job. All but ``work`` are brief, in transactions of the runner.

    ``work`` does it, under a heartbeat that is told the progress; it raises ``NotYet`` where it
    cannot begin. ``finish`` gives the row its
    final state and tells what was made; ``fail`` ends it in words. ``reason_of`` says in words why
    there is no use in trying again after an error; None where there is. ``last_words`` are for
    the last attempt. ``clear`` removes what is no longer needed once the end is committed.
    ``discard`` removes what was made after the lease was lost. ``noted`` are values kept with a
    job that is to be tried again.
    """

    kind: Kind[Model]
    doing: str
    """As a sentence begins, such as ``Building``."""
    work: Callable[[Claim[Model], Heartbeat], Made]
    finish: Callable[[Session, Claim[Model], Made], None]
    fail: Callable[[Session, Claim[Model], str], None]
    reason_of: Callable[[BaseException], str | None]
    last_words: Callable[[Exception, int], str]
    too_long: str | None = None
    """Why it ended when a time limit struck; None where it is then tried again."""
    clear: Callable[[Claim[Model]], None] = lambda _: None
    discard: Callable[[Made], None] = lambda _: None
    noted: Callable[[Exception], dict[str, Any]] = lambda _: {}
    expected: tuple[type[Exception], ...] = ()
    """Errors of which the log tells the words without a traceback."""


def run(job: Job[Model, Made], identity: UUID, *, limits: Limits = ()) -> None:
    """Run a waiting job and settle its outcome in its row."""
    claim = _claimed(job, identity)
    if claim is None:
        return
    try:
        if claim.attempt > job.kind.max_attempts:
            _give_up(job, claim, _stopped(job, claim))
        else:
            _finish(job, claim, _work(job, claim))
    except LostLease:
        _fresh_session(claim.scope)
        log.info("%s: attempt %d was stopped", claim, claim.attempt)
    except NotYet as reason:
        _put_off(claim, reason)
    except Exception as error:  # noqa: BLE001  # whatever it is, it ends in words
        _settle(job, claim, error, limits)


def stop(job: Job[Model, Made], identity: UUID) -> Message | None:
    """Take a job from a process that is killed at its time limit; what is then to be sent.

    The job has no further attempt: the worker that gets the message ends it in words. The process
    may still hold the log's lock, for which the worker's first process, this one, must not wait.
    """
    with platform_session(JOBS) as platform:
        scope = job.kind.scope(platform, identity)
    if scope is None or job.too_long is None:
        return None
    session = tenancy.bind(scope)
    session.execute(text("SET LOCAL lock_timeout = '3s'"))
    claim = Claim.held(job.kind, session, identity)
    if claim is None or not claim.forfeit(session, job.too_long):
        return None
    session.commit()
    return job.kind.message(claim.row)


def _claimed(job: Job[Model, Made], identity: UUID) -> Claim[Model] | None:
    with platform_session(JOBS) as platform:
        scope = job.kind.scope(platform, identity)
    if scope is None:
        return None
    session = tenancy.bind(scope)
    claim = Claim.take(job.kind, session, identity)
    session.commit()
    return claim


def _work(job: Job[Model, Made], claim: Claim[Model]) -> Made:
    with Heartbeat(claim, db.engine) as heartbeat:
        try:
            return job.work(claim, heartbeat)
        except Exception as error:
            if heartbeat.lost:
                raise claim.lost() from error
            raise


def _finish(job: Job[Model, Made], claim: Claim[Model], made: Made) -> None:
    session = tenancy.bind(claim.scope)
    try:
        job.finish(session, claim, made)
    except LostLease:
        session.rollback()
        job.discard(made)
        raise
    session.commit()
    _clear(job, claim)


def _give_up(job: Job[Model, Made], claim: Claim[Model], reason: str) -> None:
    session = tenancy.bind(claim.scope)
    job.fail(session, claim, reason)
    session.commit()
    _clear(job, claim)


def _clear(job: Job[Model, Made], claim: Claim[Model]) -> None:
    try:
        job.clear(claim)
    except Exception:
        # The end is committed, and no failure to tidy up may change it.
        log.warning("%s: what it no longer needs stays in storage", claim, exc_info=True)


def _put_off(claim: Claim[Any], reason: NotYet) -> None:
    """Give back a job that cannot be done yet; the sweeper sends it again."""
    session = _fresh_session(claim.scope)
    log.info("%s waits: %s", claim, reason)
    try:
        claim.put_off(session, reason)
        session.commit()
    except SQLAlchemyError:
        # The lease lapses by itself, and the sweeper finds the job then.
        session.rollback()
        log.warning("%s: could not be given back", claim, exc_info=True)


def _settle(job: Job[Model, Made], claim: Claim[Model], error: Exception, limits: Limits) -> None:
    """Decide what a failed attempt means: an end in words, or another try."""
    session = _fresh_session(claim.scope)
    reason = _reason(job, claim, error, limits)
    traceback = None if isinstance(error, job.expected) else error
    log.warning("%s: attempt %d failed: %s", claim, claim.attempt, error, exc_info=traceback)
    try:
        if reason is None:
            claim.release(session, **job.noted(error))
            session.commit()
        else:
            _give_up(job, claim, reason)
    except LostLease:
        session.rollback()
    except SQLAlchemyError:
        # The lease lapses by itself, and the sweeper finds the job then.
        session.rollback()
        log.warning("%s: could not be given back", claim, exc_info=True)


def _fresh_session(scope: Scope) -> Session:
    """Bind the session on a new connection.

    A time limit may strike in the middle of a statement, and such a connection cannot even be
    rolled back.
    """
    session = db.session()
    session.invalidate()
    return tenancy.bind(scope, session)


def _stopped(job: Job[Model, Made], claim: Claim[Model]) -> str:
    """Word why there is no attempt left, where none has failed in words."""
    most = job.kind.max_attempts
    return claim.error or f"{job.doing} stopped {most} times without finishing."


def _reason(
    job: Job[Model, Made], claim: Claim[Model], error: Exception, limits: Limits
) -> str | None:
    """Return the reason why a retry is useless; None where it may help."""
    causes = list(_causes(error))
    if job.too_long is not None and any(isinstance(cause, limits) for cause in causes):
        return job.too_long
    for cause in causes:
        reason = job.reason_of(cause)
        if reason is not None:
            return reason
    most = job.kind.max_attempts
    return None if claim.attempt < most else job.last_words(error, claim.attempt)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Walk from an error to its causes: a failed clean-up hides what led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
