"""A change of a workspace that was asked for and has not taken effect yet."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from auditsaas.db.columns import Timestamp
from auditsaas.db.ids import new_id
from auditsaas.extensions import Base


class ChangeState(StrEnum):
    WAITING = "waiting"
    APPLIED = "applied"
    CANCELLED = "cancelled"
    REPLACED = "replaced"
    """Another of its kind, which takes more away, was asked for since."""


class PendingChange(Base):
    """One request for a change, from asking to its end; the row is never deleted."""

    __tablename__ = "pending_changes"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(Text)
    """A name in ``kinds.KINDS``."""
    subject: Mapped[str] = mapped_column(Text, default="")
    """The id of what it is about, where a workspace has several of it; one waits for each."""
    wanted: Mapped[dict[str, Any]] = mapped_column(JSONB)
    words: Mapped[str] = mapped_column(Text)
    """What it does, as a sentence without its time."""
    reason: Mapped[str | None] = mapped_column(Text)
    removes: Mapped[int | None] = mapped_column()
    """How many events it takes away, as counted when it was asked for."""
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    asked_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
    effective_at: Mapped[datetime] = mapped_column(Timestamp)
    needs_second: Mapped[bool] = mapped_column(default=False)
    """It also waits for the approval of another admin."""
    approved_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    approved_at: Mapped[datetime | None] = mapped_column(Timestamp)
    reminded_at: Mapped[datetime | None] = mapped_column(Timestamp)
    admins_told: Mapped[int] = mapped_column(default=0)
    super_admins_told: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(Text, default=ChangeState.WAITING)
    ended_at: Mapped[datetime | None] = mapped_column(Timestamp)
    ended_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    ended_because: Mapped[str | None] = mapped_column(Text)

    @property
    def goes_before(self) -> datetime | None:
        """The time before which events go once it is in effect, where it removes any."""
        days = self.wanted.get("retention_days")
        return None if days is None else self.effective_at - timedelta(days=days)
