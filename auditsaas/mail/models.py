"""Mails in the outbox, and which kinds each person wants."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from auditsaas import logs
from auditsaas.db.columns import Timestamp
from auditsaas.db.ids import new_id
from auditsaas.extensions import Base


class MailState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"
    """Not sent, for it was no longer theirs to get."""


class Mail(Base):
    """One mail to one person or address. The row is the truth; a queue message only hints at it."""

    __tablename__ = "mails"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    address: Mapped[str | None] = mapped_column(Text)
    """The address that it goes to, if not to a person with an account."""
    tenant: Mapped[UUID | None] = mapped_column(ForeignKey("workspaces.id"))
    """The workspace whose facts it tells: a person gets it only while they may read them."""
    notification_id: Mapped[UUID | None]
    kind: Mapped[str] = mapped_column(Text)
    context: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The values of its template; kept, so that every try sends the same words."""
    request_id: Mapped[str | None] = mapped_column(
        Text, default=lambda: logs.bound().get("request_id")
    )
    """The request that it came from, also by way of a job."""
    state: Mapped[str] = mapped_column(Text, default=MailState.WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    """Rises with every try; only the newest may say how it went."""
    next_try_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
    sent_at: Mapped[datetime | None] = mapped_column(Timestamp)


class SealedLink(Base):
    """The link of a waiting mail that opens something, encrypted; it goes once the mail is sent."""

    __tablename__ = "sealed_links"

    id: Mapped[UUID] = mapped_column(ForeignKey("mails.id", ondelete="CASCADE"), primary_key=True)
    """The mail's."""
    sealed: Mapped[str] = mapped_column(Text)


class MailChoice(Base):
    """The kinds of mail that a person wants; all without a row."""

    __tablename__ = "mail_choices"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    export_ready: Mapped[bool] = mapped_column(default=True)
    export_failed: Mapped[bool] = mapped_column(default=True)
    report: Mapped[bool] = mapped_column(default=True)
