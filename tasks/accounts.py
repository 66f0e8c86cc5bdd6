"""Background work on accounts: record and answer what visitors did to them."""

from __future__ import annotations

import logging
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from auditsaas.accounts import outbox
from auditsaas.extensions import db, settings
from auditsaas.jobs.queue import enqueue, task
from auditsaas.mail import account_mails
from auditsaas.mail.outbox import MAILS
from auditsaas.workspaces import account_settling

log = logging.getLogger(__name__)

AT_A_TIME = 100
UNREADABLE = (SQLAlchemyError, LookupError, TypeError, ValueError)
"""Errors of one row, which must not hold up the others; it is tried again by the next run."""


@task("accounts.settle")
def settle() -> int:
    """Settle what waits in the outbox of accounts, a transaction each; return how many."""
    settled, passed_over = 0, set[UUID]()
    while rows := outbox.waiting(db.session(), AT_A_TIME, besides=passed_over):
        for row_id in rows:
            if _settle_one(row_id):
                settled += 1
            else:
                passed_over.add(row_id)
    return settled


def _settle_one(row_id: UUID) -> bool:
    """Settle one row; False where it is another worker's, or has to wait."""
    try:
        done = account_settling.settle(db.session(), row_id, _queue_link)
        db.session.commit()
    except UNREADABLE:
        db.session.rollback()
        log.exception("Row %s of the outbox of accounts could not be settled", row_id)
        return False
    if done is not None and done.mail_id is not None:
        enqueue(MAILS.task, str(done.mail_id))
    return done is not None


def _queue_link(session: Session, user_id: UUID, token: str) -> UUID:
    return account_mails.password_reset(session, settings().secret_keys, user_id, token=token)
