"""Notifications of a person."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from auditsaas.db.columns import Timestamp
from auditsaas.db.ids import new_id
from auditsaas.extensions import Base


class Notification(Base):
    __tablename__ = "notifications"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
    read_at: Mapped[datetime | None] = mapped_column(Timestamp)
    announced_at: Mapped[datetime | None] = mapped_column(Timestamp)
    """The time at which an open page showed it as it came, which happens only once."""
