"""Mail that waits: put in with what it tells of, taken by one worker at a time, tried until sent.

A mail is sent at least once. The worker that is killed between the server's yes and the commit
leaves a row that is tried again; its Message-ID is the same, so a mailbox can tell the second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auditsaas.db.tenancy import Scope
from auditsaas.mail.models import Mail, MailChoice, MailState

KINDS = {
    "export.ready": "export_ready",
    "export.failed": "export_failed",
    "report.ready": "report",
    "report.failed": "report",
}
"""The kinds of mail to people, and the switch of each."""

HOLDING_SECRETS = frozenset({"invitation", "password_reset"})
"""Their links open something, so what they say is forgotten once it need not be sent again."""

LEASE = timedelta(minutes=5)
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)
MAX_ATTEMPTS = 40
"""With an hour between most of them, a mail server may be away for a day and a half."""


@dataclass(frozen=True)
class Waiting:
    """A mail that no worker is sending, and what must be bound to touch it."""

    mail_id: UUID
    attempts: int
    scope: Scope


@dataclass(frozen=True, kw_only=True)
class Taken:
    """The right to send a mail once, and what it says."""

    mail_id: UUID
    attempt: int
    user_id: UUID | None
    address: str | None
    tenant: UUID | None
    kind: str
    context: dict[str, Any]
    request_id: str | None
    created_at: datetime


def choices(session: Session, user_id: UUID) -> MailChoice:
    """Which mails a person wants, whether or not they ever said."""
    found = session.get(MailChoice, user_id, populate_existing=True)
    everything = MailChoice(user_id=user_id, export_ready=True, export_failed=True, report=True)
    return found or everything


def choose(session: Session, user_id: UUID, wanted: Mapping[str, bool]) -> None:
    """Switch a person's mails on and off, by the columns of their choice."""
    session.execute(
        insert(MailChoice)
        .values(user_id=user_id, **wanted)
        .on_conflict_do_update(index_elements=["user_id"], set_=dict(wanted))
    )


def wants(session: Session, user_id: UUID, kind: str) -> bool:
    return kind in KINDS and bool(getattr(choices(session, user_id), KINDS[kind]))


def put(
    session: Session,
    user_id: UUID,
    kind: str,
    context: Mapping[str, Any],
    *,
    tenant: UUID | None = None,
    about: UUID | None = None,
) -> Mail:
    """Leave a mail to a person, to be sent after the commit."""
    mail = Mail(
        user_id=user_id,
        kind=kind,
        context=dict(context),
        tenant=tenant,
        notification_id=about,
    )
    session.add(mail)
    session.flush()
    return mail


def put_to_address(
    session: Session, address: str, kind: str, context: Mapping[str, Any], *, tenant: UUID
) -> Mail:
    """Leave a mail from a workspace to somebody who has no account yet."""
    mail = Mail(address=address, kind=kind, context=dict(context), tenant=tenant)
    session.add(mail)
    session.flush()
    return mail


def waiting(platform: Session, limit: int = 500) -> Sequence[Waiting]:
    """The mails of all people whose time has come, oldest first."""
    rows = platform.execute(
        select(Mail.id, Mail.attempts, Mail.user_id, Mail.tenant)
        .where(Mail.state == MailState.WAITING, Mail.next_try_at <= func.now())
        .order_by(Mail.next_try_at)
        .limit(limit)
    )
    return [Waiting(row.id, row.attempts, _scope(row.user_id, row.tenant)) for row in rows]


def scope_of_mail(platform: Session, mail_id: UUID) -> Scope | None:
    row = platform.execute(
        select(Mail.user_id, Mail.tenant).where(Mail.id == mail_id)
    ).one_or_none()
    return None if row is None else _scope(row.user_id, row.tenant)


def take(session: Session, mail_id: UUID) -> Taken | None:
    """Take a mail whose time has come; None where it is sent, or another worker has it."""
    row = session.execute(
        update(Mail)
        .where(Mail.id == mail_id, Mail.state == MailState.WAITING, Mail.next_try_at <= func.now())
        .values(attempts=Mail.attempts + 1, next_try_at=func.now() + LEASE)
        .returning(
            Mail.attempts,
            Mail.user_id,
            Mail.address,
            Mail.tenant,
            Mail.kind,
            Mail.context,
            Mail.request_id,
            Mail.created_at,
        )
    ).one_or_none()
    if row is None:
        return None
    return Taken(
        mail_id=mail_id,
        attempt=row.attempts,
        user_id=row.user_id,
        address=row.address,
        tenant=row.tenant,
        kind=row.kind,
        context=row.context,
        request_id=row.request_id,
        created_at=row.created_at,
    )


def sent(session: Session, taken: Taken) -> None:
    said = {} if taken.kind in HOLDING_SECRETS else taken.context
    _conclude(session, taken, state=MailState.SENT, sent_at=func.now(), error=None, context=said)


def dropped(session: Session, taken: Taken, reason: str) -> None:
    """Not to be sent any more, by our own choice; what it said is forgotten."""
    _conclude(session, taken, state=MailState.DROPPED, error=reason, context={})


def failed(session: Session, taken: Taken, reason: str) -> None:
    said = {} if taken.kind in HOLDING_SECRETS else taken.context
    _conclude(session, taken, state=MailState.FAILED, error=reason, context=said)


def delayed(session: Session, taken: Taken, reason: str) -> None:
    """To be tried again: after 10 s, 20 s, 40 s and so on, but within the hour."""
    if taken.attempt >= MAX_ATTEMPTS:
        failed(session, taken, f"{reason} Tried {taken.attempt} times.")
        return
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(taken.attempt - 1, 12))
    _conclude(session, taken, next_try_at=func.now() + pause, error=reason)


def _conclude(session: Session, taken: Taken, **values: object) -> None:
    """Note how a try went, unless another worker has since begun the next one."""
    session.execute(
        update(Mail)
        .where(
            Mail.id == taken.mail_id,
            Mail.attempts == taken.attempt,
            Mail.state == MailState.WAITING,
        )
        .values(**values)
    )


def _scope(user_id: UUID | None, tenant: UUID | None) -> Scope:
    return Scope.of(*([tenant] if tenant else []), user=user_id)
