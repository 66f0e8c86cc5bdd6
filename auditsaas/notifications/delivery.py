"""Sends one waiting mail. Each step is a transaction of its own and is committed here: other
workers must see at once that a mail is taken, and no transaction stays open while a server thinks.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from email.utils import parseaddr
from functools import cache
from pathlib import Path
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas import formatting, logs
from auditsaas.accounts.models import User
from auditsaas.db import tenancy
from auditsaas.db.tenancy import platform_session
from auditsaas.mail import outbox, transport
from auditsaas.mail.outbox import Taken
from auditsaas.mail.transport import Letter, MailError, MailRefused, Server
from auditsaas.permissions import Permission, Role, allows
from auditsaas.visible_text import visible
from auditsaas.workspaces.models import Membership, Workspace
from config.settings import Settings

TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "mail"
NO_LONGER_THEIRS = "The person may no longer read this workspace's log."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reader:
    name: str
    address: str


def deliver(mail_id: UUID, settings: Settings) -> None:
    """Send a mail, if its time has come and its reader may still have it."""
    with platform_session() as platform:
        scope = outbox.scope_of_mail(platform, mail_id)
    if scope is None:
        return
    session = tenancy.bind(scope)
    taken = outbox.take(session, mail_id)
    session.commit()
    if taken is None:
        return
    logs.go_on(taken.request_id)
    reader = _reader(session, taken)
    session.commit()
    if reader is None:
        outbox.dropped(session, taken, NO_LONGER_THEIRS)
    else:
        _try(session, taken, reader, settings)
    session.commit()


def _try(session: Session, taken: Taken, reader: Reader, settings: Settings) -> None:
    try:
        _hand_over(taken, reader, settings)
    except MailRefused as error:
        log.warning("Mail %s: %s", taken.mail_id, error)
        outbox.failed(session, taken, str(error))
    except MailError as error:
        log.warning("Mail %s: try %d: %s", taken.mail_id, taken.attempt, error)
        outbox.delayed(session, taken, str(error))
    else:
        outbox.sent(session, taken)


def _hand_over(taken: Taken, reader: Reader, settings: Settings) -> None:
    message = transport.composed(letter(taken, reader, settings))
    if settings.smtp_url is not None:
        transport.send(Server.of(settings.smtp_url), message)
    elif settings.production:
        raise MailError("SMTP_URL is not set, so no mail is sent.")
    else:
        transport.keep(settings.data_dir / "mail", str(taken.mail_id), message)


def letter(taken: Taken, reader: Reader, settings: Settings) -> Letter:
    """The mail in words: subject, plain text and HTML from the templates of its kind."""
    context = {
        **taken.context,
        "kind": taken.kind,
        "brand": settings.brand_name,
        "base_url": settings.base_url,
        "reader": reader,
    }
    name = taken.kind.partition(".")[0]
    templates = _templates()
    sender_name, sender = parseaddr(settings.mail_from)
    return Letter(
        message_id=str(taken.mail_id),
        sender_name=sender_name or settings.brand_name,
        sender=sender,
        to_name=reader.name,
        to=reader.address,
        subject=templates.get_template(f"{name}.subject.txt").render(context).strip(),
        text=templates.get_template(f"{name}.txt").render(context),
        html=templates.get_template(f"{name}.html").render(context),
        written_at=taken.created_at,
        request_id=taken.request_id,
    )


def _reader(session: Session, taken: Taken) -> Reader | None:
    """Whoever the mail is for; None where they may not have it (any more)."""
    if taken.user_id is None:
        return Reader("", taken.address or "")
    user = session.get(User, taken.user_id)
    if user is None or user.disabled_at is not None:
        return None
    if taken.tenant is not None and not may_read(session, taken.tenant, user.id):
        return None
    return Reader(user.name, user.email)


def may_read(session: Session, workspace_id: UUID, user_id: UUID) -> bool:
    """Whether a person may fetch exports of a workspace now; the scope must hold one of the two."""
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
    made.filters["number"] = formatting.number
    made.filters["visible"] = lambda value: visible(str(value))
    return made
