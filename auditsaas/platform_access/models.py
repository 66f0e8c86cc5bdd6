"""Super-admins' reasons for looking into workspaces, and each look they take."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, ForeignKey, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from auditsaas.db.columns import Timestamp
from auditsaas.db.ids import new_id
from auditsaas.extensions import Base


class PlatformAccess(Base):
    """A super-admin's reason for access to a workspace (``tenant``), or to all of them (None)."""

    __tablename__ = "platform_accesses"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    tenant: Mapped[UUID | None] = mapped_column(ForeignKey("workspaces.id"))
    reason: Mapped[str] = mapped_column(Text)
    asked: Mapped[bool] = mapped_column()
    """The reason was given for this workspace itself, not for all, of which it was shown."""
    given_at: Mapped[datetime] = mapped_column(Timestamp)


class RequestState(StrEnum):
    WAITING = "waiting"
    APPROVED = "approved"
    DECLINED = "declined"
    BROKEN = "broken"
    """Opened by a second super-admin, without the workspace's approval."""


class AccessRequest(Base):
    """A super-admin's wish to look into a workspace that asks to be asked first."""

    __tablename__ = "access_requests"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
    state: Mapped[str] = mapped_column(Text, default=RequestState.WAITING)
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None] = mapped_column(Timestamp)
    because: Mapped[str | None] = mapped_column(Text)
    """The reason of the second super-admin."""
    open_until: Mapped[datetime | None] = mapped_column(Timestamp)

    def waits(self, now: datetime, at_most: timedelta) -> bool:
        return self.state == RequestState.WAITING and now < self.asked_at + at_most

    def is_open(self, now: datetime) -> bool:
        return self.open_until is not None and now < self.open_until


class PlatformLook(Base):
    """A super-admin's reads of a workspace by one kind of page and one filter, within an hour.

    It is told in the workspace's log when it is first taken, and once more, with how often it was
    repeated, when the hour is over.
    """

    __tablename__ = "platform_looks"

    workspace_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(Timestamp, primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)
    """Such as ``rows`` or ``count``."""
    query_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    query: Mapped[str] = mapped_column(Text)
    """The filter as a canonical query string, without the names of workspaces."""
    filter: Mapped[str] = mapped_column(Text)
    """The filter in words."""
    reason: Mapped[str | None] = mapped_column(Text)
    """None for a page of figures, which asks for none."""
    every: Mapped[bool] = mapped_column()
    """The reason was given for every workspace."""
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Who asked, and the facts of the first request."""
    shown: Mapped[int | None] = mapped_column(BigInteger)
    """How many rows, or what figure, an answer held of this workspace; None before it was made."""
    looks: Mapped[int] = mapped_column(default=1)
    first_at: Mapped[datetime] = mapped_column(Timestamp)
    last_at: Mapped[datetime] = mapped_column(Timestamp)
    told: Mapped[int] = mapped_column(default=0)
    """How many of the looks the workspace's log tells of."""
    open: Mapped[bool] = mapped_column(default=True)
    """Until its hour is over and all of it is told."""
