"""Settles what the outbox of accounts holds: records it in the person's logs, and makes links."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas import logs
from auditsaas.accounts import outbox, resets
from auditsaas.accounts.outbox import Noted, OutboxKind
from auditsaas.accounts.service import find_by_email
from auditsaas.own_activities import Activity
from auditsaas.workspaces import account_events

QueueLink = Callable[[Session, UUID, str], UUID]
"""Queues the mail of a reset link, by person and token; returns the mail's id."""


@dataclass(frozen=True)
class Settled:
    """A row that is settled in the transaction under way."""

    mail_id: UUID | None
    """The mail that was queued for it."""


def settle(session: Session, row_id: UUID, queue_link: QueueLink) -> Settled | None:
    """Record and answer what a row says, once; None where another worker has it."""
    noted = outbox.take(session, row_id)
    if noted is None:
        return None
    logs.go_on(noted.facts.request_id)
    if noted.kind is OutboxKind.RESET:
        return Settled(_begin_reset(session, noted, queue_link))
    user = find_by_email(session, noted.address or "")
    account_events.record_refusal(
        session, noted.address, user, noted.reason or "", noted.facts, occurred_at=noted.at
    )
    return Settled(None)


def _begin_reset(session: Session, noted: Noted, queue_link: QueueLink) -> UUID | None:
    """Make and mail a link; None where no account that may sign in has the address.

    Links that were sent before go on: a stranger who asks for one must not end the owner's.
    """
    user = find_by_email(session, noted.address or "")
    if user is None or user.disabled_at is not None:
        return None
    token = resets.begin(session, user, beside_others=True)
    account_events.record(
        session,
        Activity.USER_PASSWORD_RESET_REQUEST,
        user,
        noted.facts,
        status_code=200,
        occurred_at=noted.at,
    )
    return queue_link(session, user.id, token)
