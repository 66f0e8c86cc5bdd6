"""Schedules, and every report they made."""

from __future__ import annotations

from datetime import datetime, time
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ForeignKey, SmallInteger, Text, Time, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from auditsaas.accounts.models import User
from auditsaas.db.columns import Timestamp
from auditsaas.db.ids import new_id
from auditsaas.extensions import Base
from auditsaas.schedules.timetable import Frequency, Timetable


class Schedule(Base):
    """An export that is made again and again, each time of what is new."""

    __tablename__ = "schedules"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(Text)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    query: Mapped[str] = mapped_column(Text)
    """The filter as a canonical query string, without a range."""
    format: Mapped[str] = mapped_column(Text)
    columns: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    proof: Mapped[bool] = mapped_column(default=False)
    """Whether a proof goes with each report."""
    frequency: Mapped[str] = mapped_column(Text)
    weekday: Mapped[int] = mapped_column(SmallInteger)
    month_day: Mapped[int] = mapped_column(SmallInteger)
    time_of_day: Mapped[time] = mapped_column(Time)
    time_zone: Mapped[str] = mapped_column(Text)
    recipients: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))

    covered_until: Mapped[datetime] = mapped_column(Timestamp)
    """The end of the last report, and the start of the next."""
    covered_seq: Mapped[int] = mapped_column(BigInteger)
    """The last sequence number that a report could hold; what came later and is older is late."""
    next_due_at: Mapped[datetime] = mapped_column(Timestamp)
    paused_at: Mapped[datetime | None] = mapped_column(Timestamp)
    paused_because: Mapped[str | None] = mapped_column(Text)
    """Why it was paused by itself; None where a person did."""
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
    deleted_at: Mapped[datetime | None] = mapped_column(Timestamp)

    owner: Mapped[User] = relationship(lazy="joined")

    @property
    def timetable(self) -> Timetable:
        return Timetable(
            frequency=Frequency(self.frequency),
            weekday=self.weekday,
            month_day=self.month_day,
            at=self.time_of_day,
            zone=ZoneInfo(self.time_zone),
        )


class RunState(StrEnum):
    BUILDING = "building"
    SENT = "sent"
    FAILED = "failed"


class ScheduleRun(Base):
    """One report: what it covered, its export, and who was told. Made once for each time due."""

    __tablename__ = "schedule_runs"

    workspace_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    schedule_id: Mapped[UUID]
    due_at: Mapped[datetime] = mapped_column(Timestamp)
    asked_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    """The person who asked for an extra report; None where it was due."""
    export_id: Mapped[UUID]
    starts_at: Mapped[datetime] = mapped_column(Timestamp)
    ends_at: Mapped[datetime] = mapped_column(Timestamp)
    since_seq: Mapped[int] = mapped_column(BigInteger)
    upto_seq: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(Text, default=RunState.BUILDING)
    findings: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    """Totals and what was new, as they were mailed."""
    sent_to: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    left_out: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    """Recipients who were not allowed to have it when it was sent."""
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
    finished_at: Mapped[datetime | None] = mapped_column(Timestamp)
