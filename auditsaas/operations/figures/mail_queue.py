"""Mails that wait, are tried again, or were given up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from auditsaas.jobs.backlog import LATELY
from auditsaas.mail.models import Mail, MailState


@dataclass(frozen=True, kw_only=True)
class MailQueue:
    """The outbox of the whole installation."""

    waiting: int
    """Not tried yet."""
    retrying: int
    """Tried, and not taken by the mail server so far."""
    failed: int
    """Given up within a day."""
    oldest: datetime | None
    """When the oldest mail that is not sent was asked for."""

    def waited(self, now: datetime) -> timedelta:
        return max(now - self.oldest, timedelta()) if self.oldest else timedelta()


def read(platform: Session) -> MailQueue:
    """Count them through the platform pool."""
    waits = Mail.state == MailState.WAITING
    failed = (Mail.state == MailState.FAILED) & (Mail.next_try_at > func.now() - LATELY)
    counted = select(
        func.count().filter(waits, Mail.attempts == 0).label("waiting"),
        func.count().filter(waits, Mail.attempts > 0).label("retrying"),
        func.count().filter(failed).label("failed"),
        func.min(Mail.created_at).filter(waits).label("oldest"),
    ).where(or_(waits, failed))
    return MailQueue(**platform.execute(counted).one()._mapping)
