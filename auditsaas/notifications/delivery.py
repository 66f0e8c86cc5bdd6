"""Sends one waiting mail, as the work of its job; no transaction is open while a server thinks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from functools import cache, partial
from pathlib import Path
from typing import Any
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas import logs
from auditsaas.accounts.models import User
from auditsaas.db import tenancy
from auditsaas.formatting import numbers
from auditsaas.formatting.visible_text import visible
from auditsaas.jobs.heartbeat import Heartbeat
from auditsaas.jobs.runner import Job
from auditsaas.mail import outbox, transport
from auditsaas.mail.models import Mail
from auditsaas.mail.outbox import MAILS, MailClaim
from auditsaas.mail.transport import Letter, MailError, MailRefused, Server
from auditsaas.permissions import Permission, Role, allows
from auditsaas.workspaces.models import Membership, Workspace
from config.settings import Settings

TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "mail"
NO_LONGER_THEIRS = "The person may no longer read this workspace's log."


@dataclass(frozen=True)
class Reader:
    name: str
    address: str


def mail_job(settings: Settings) -> Job[Mail, str | None]:
    """Define the job that sends a mail through the mail server of ``settings``."""
    return Job(
        kind=MAILS,
        doing="Sending",
        work=partial(_send, settings=settings),
        finish=_finish,
        fail=outbox.failed,
        reason_of=lambda error: str(error) if isinstance(error, MailRefused) else None,
        last_words=lambda error, attempts: f"{_words(error)} Tried {attempts} times.",
        noted=lambda error: {"error": _words(error)},
        expected=(MailError,),
    )


def _send(claim: MailClaim, _heartbeat: Heartbeat, *, settings: Settings) -> str | None:
    """Send a mail if its reader may still have it; None, or why it was not sent."""
    logs.go_on(claim.row.request_id)
    session = tenancy.bind(claim.scope)
    reader = _reader(session, claim.row)
    context = outbox.context_of(session, claim.row, settings.secret_keys)
    session.commit()
    if reader is None:
        return NO_LONGER_THEIRS
    _hand_over(claim.row, context, reader, settings)
    return None


def _finish(session: Session, claim: MailClaim, not_sent: str | None) -> None:
    if not_sent is None:
        outbox.sent(session, claim)
    else:
        outbox.dropped(session, claim, not_sent)


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, MailError) else "The mail could not be sent."


def _hand_over(waiting: Mail, said: Mapping[str, Any], reader: Reader, settings: Settings) -> None:
    message = transport.composed(letter(waiting, reader, settings, said))
    if settings.smtp_url is not None:
        transport.send(Server.of(settings.smtp_url), message)
    elif settings.production:
        raise MailError("SMTP_URL is not set, so no mail is sent.")
    else:
        transport.keep(settings.data_dir / "mail", str(waiting.id), message)


def letter(
    waiting: Mail, reader: Reader, settings: Settings, said: Mapping[str, Any] | None = None
) -> Letter:
    """Render a mail: subject, plain text and HTML from the templates of its kind.

    ``said`` are the values of the templates, where the mail alone does not hold them all.
    """
    context = {
        **(waiting.context if said is None else said),
        "kind": waiting.kind,
        "brand": settings.brand_name,
        "base_url": settings.base_url,
        "reader": reader,
    }
    name = waiting.kind.partition(".")[0]
    templates = _templates()
    sender_name, sender = parseaddr(settings.mail_from)
    return Letter(
        message_id=str(waiting.id),
        sender_name=sender_name or settings.brand_name,
        sender=sender,
        to_name=reader.name,
        to=reader.address,
        subject=templates.get_template(f"{name}.subject.txt").render(context).strip(),
        text=templates.get_template(f"{name}.txt").render(context),
        html=templates.get_template(f"{name}.html").render(context),
        written_at=waiting.created_at,
        request_id=waiting.request_id,
    )


def _reader(session: Session, waiting: Mail) -> Reader | None:
    """Find the mail's recipient; None where they may not receive it (any more)."""
    if waiting.user_id is None:
        return Reader("", waiting.address or "")
    user = session.get(User, waiting.user_id)
    if user is None or user.disabled_at is not None:
        return None
    if waiting.tenant is not None and not may_read(session, waiting.tenant, user.id):
        return None
    return Reader(user.name, user.email)


def may_read(session: Session, workspace_id: UUID, user_id: UUID) -> bool:
    """Check that a person may fetch a workspace's exports now; the scope must hold one of them."""
    role = session.scalar(
        select(Membership.role)
        .join(Workspace, Workspace.id == Membership.workspace_id)
        .where(
            Membership.workspace_id == workspace_id,
            Membership.user_id == user_id,
            Membership.disabled_at.is_(None),
            Workspace.suspended_at.is_(None),
        )
    )
    return role is not None and allows(Role(role), Permission.EXPORT_CREATE)


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["number"] = numbers.number
    made.filters["visible"] = lambda value: visible(str(value))
    return made
