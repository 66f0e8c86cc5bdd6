"""Transactional mail outbox with leases and retries.

A mail is sent at least once. The worker that is killed between the server's yes and the commit
leaves a row that is tried again; its Message-ID is the same, so a mailbox can tell the second.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from cryptography.fernet import InvalidToken
from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auditsaas.accounts import encryption
from auditsaas.db.tenancy import Scope
from auditsaas.jobs.kind import Claim, Kind
from auditsaas.jobs.leases import Columns, Leases
from auditsaas.mail.models import Mail, MailChoice, MailState, SealedLink
from auditsaas.mail.transport import MailRefused
from config.secret_keys import SecretKeys

KINDS = {
    "export.ready": "export_ready",
    "export.failed": "export_failed",
    "report.ready": "report",
    "report.failed": "report",
}
"""The kinds of mail to people, and the switch of each."""

HOLDING_SECRETS = frozenset({"invitation", "password_reset"})
"""Their links open something, so they are sealed while the mail waits, and forgotten afterwards."""

LINK = "url"
"""The value of their templates that is sealed."""
LOST_LINK = "Its link can no longer be read: the key that sealed it is gone. Ask for a new one."

FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)
MAX_ATTEMPTS = 40
"""With an hour between most of them, a mail server may be away for a day and a half."""

MailClaim = Claim[Mail]
"""The right to send a mail once."""


def pause(attempt: int) -> timedelta:
    """Return the pause after an attempt: 10 s, then 20 s, 40 s and so on, within the hour."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * float(2 ** min(attempt - 1, 12)))


def _scope(row: Any) -> Scope:
    return Scope.of(*([row.tenant] if row.tenant else []), user=row.user_id)


MAILS = Kind(
    name="mails",
    title="Mail",
    task="mails.send",
    leases=Leases(
        model=Mail,
        queued=MailState.WAITING,
        working=MailState.WAITING,
        failed=MailState.FAILED,
        columns=Columns(fence="attempts", until="next_try_at", ended="next_try_at", started=None),
    ),
    scope_of=_scope,
    scope_columns=(Mail.tenant, Mail.user_id),
    tenant=func.coalesce(Mail.tenant, Mail.user_id),
    max_attempts=MAX_ATTEMPTS,
    delay=pause,
)


def choices(session: Session, user_id: UUID) -> MailChoice:
    """Read which mails a person wants; all unless they chose."""
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
    """Queue a mail to a person, to be sent after the commit."""
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
    """Queue a mail from a workspace to an address without an account."""
    mail = Mail(address=address, kind=kind, context=dict(context), tenant=tenant)
    session.add(mail)
    session.flush()
    return mail


def seal_link(session: Session, mail: Mail, keys: SecretKeys, path: str) -> None:
    """Keep the link of a mail sealed, in the transaction that queues it."""
    session.add(SealedLink(id=mail.id, sealed=encryption.seal(keys, path)))
    session.flush()


def context_of(session: Session, mail: Mail, keys: SecretKeys) -> dict[str, Any]:
    """Return the values of a mail's template, its link opened.

    Raises:
        MailRefused: none of the keys opens the link.
    """
    link = session.get(SealedLink, mail.id) if mail.kind in HOLDING_SECRETS else None
    if link is None:
        return mail.context
    try:
        return mail.context | {LINK: encryption.unseal(keys, link.sealed)}
    except InvalidToken as error:
        raise MailRefused(LOST_LINK) from error


def sent(session: Session, claim: MailClaim) -> None:
    """Mark the mail sent: a server accepted it.

    Raises:
        LostLease: another worker has since begun the next try.
    """
    claim.conclude(
        session, MailState.SENT, sent_at=func.now(), error=None, context=_kept(claim.row)
    )
    _forget_link(session, claim.row)


def dropped(session: Session, claim: MailClaim, reason: str) -> None:
    """Drop a mail that must not be sent, and clear its content."""
    claim.conclude(session, MailState.DROPPED, error=reason, context={})
    _forget_link(session, claim.row)


def failed(session: Session, claim: MailClaim, reason: str) -> None:
    """Mark the mail failed for good, with a reason."""
    claim.conclude(session, MailState.FAILED, error=reason, context=_kept(claim.row))
    _forget_link(session, claim.row)


def _forget_link(session: Session, mail: Mail) -> None:
    session.execute(delete(SealedLink).where(SealedLink.id == mail.id))


def _kept(mail: Mail) -> dict[str, Any]:
    return {} if mail.kind in HOLDING_SECRETS else mail.context
