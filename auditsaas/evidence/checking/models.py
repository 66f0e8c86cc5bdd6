"""Checks of a log against its tree, and what they found."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from auditsaas.db.columns import Timestamp
from auditsaas.db.ids import new_id
from auditsaas.extensions import Base


class CheckKind(StrEnum):
    SAMPLE = "sample"
    """The nightly one: tiles by chance, every erasure, and the whole of the tree above them."""
    ALL = "all"


class CheckState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class TreeCheck(Base):
    """One check of a log, as it is asked for, gets on and ends."""

    __tablename__ = "tree_checks"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(Text)
    asked_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    """The person who asked for it; None of a nightly one."""
    state: Mapped[str] = mapped_column(Text, default=CheckState.QUEUED)
    fence: Mapped[int] = mapped_column(BigInteger, default=0)
    """Rises with every claim; a worker that lost its lease can no longer write."""
    lease_until: Mapped[datetime | None] = mapped_column(Timestamp)
    attempts: Mapped[int] = mapped_column(default=0)
    size: Mapped[int | None] = mapped_column(BigInteger)
    """How many events were sealed when it began: it checks these."""
    total: Mapped[int | None] = mapped_column(BigInteger)
    """How many events it looks at."""
    done: Mapped[int] = mapped_column(BigInteger, default=0)
    reached: Mapped[int] = mapped_column(BigInteger, default=0)
    """How many of its tiles are behind it, where another attempt goes on."""
    found: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    """``differences``, and of these ``told`` one by one."""
    error: Mapped[str | None] = mapped_column(Text)

    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
    started_at: Mapped[datetime | None] = mapped_column(Timestamp)
    finished_at: Mapped[datetime | None] = mapped_column(Timestamp)


class TreeFinding(Base):
    """A difference between a log and its seal: told once, shown until an admin acknowledges it."""

    __tablename__ = "tree_findings"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    """A hash of what was found, by which the next check knows it again."""
    kind: Mapped[str] = mapped_column(Text)
    seq: Mapped[int | None] = mapped_column(BigInteger)
    last_seq: Mapped[int | None] = mapped_column(BigInteger)
    """The end of a range, where it is not one number."""
    found: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """All that is known of it (``finding.Finding``)."""
    check_id: Mapped[UUID | None]
    first_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
    last_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
    times: Mapped[int] = mapped_column(default=1)
    told_at: Mapped[datetime | None] = mapped_column(Timestamp)
    admins_told: Mapped[int] = mapped_column(default=0)
    acknowledged_at: Mapped[datetime | None] = mapped_column(Timestamp)
    acknowledged_by: Mapped[str | None] = mapped_column(Text)
    """The admin by name, or the operator's account."""
    reason: Mapped[str | None] = mapped_column(Text)
