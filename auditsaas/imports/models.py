"""Files that people uploaded to be imported. The row is the truth; a message is only a hint."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from auditsaas.accounts.models import User
from auditsaas.db.columns import Timestamp
from auditsaas.db.ids import new_id
from auditsaas.extensions import Base
from auditsaas.imports.expired import Expired


class ImportState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL_STATES = frozenset({ImportState.DONE, ImportState.FAILED, ImportState.CANCELLED})


class Import(Base):
    """One file, from its upload until its events are in the log."""

    __tablename__ = "imports"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    requested_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(Text)
    format: Mapped[str] = mapped_column(Text)
    """As asked for; ``auto`` becomes what the file was recognised as."""
    mapping: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """The form of the mapping it is read by, as it was when asked for; ``format`` is its name."""
    time_zone: Mapped[str | None] = mapped_column(Text)
    """Of times that name none."""
    expired: Mapped[str] = mapped_column(Text, default=Expired.REFUSE)
    """The choice for events older than the workspace keeps."""
    file_key: Mapped[str | None] = mapped_column(Text)
    """The storage key of the upload, which is kept until the import ends."""
    bytes: Mapped[int] = mapped_column(BigInteger)
    """As uploaded, which may be packed."""

    state: Mapped[str] = mapped_column(Text, default=ImportState.QUEUED)
    fence: Mapped[int] = mapped_column(BigInteger, default=0)
    """Rises with every claim; a worker that lost its lease can no longer write."""
    lease_until: Mapped[datetime | None] = mapped_column(Timestamp)
    attempts: Mapped[int] = mapped_column(default=0)
    bytes_total: Mapped[int | None] = mapped_column(BigInteger)
    bytes_done: Mapped[int] = mapped_column(BigInteger, default=0)
    """Of the unpacked content."""
    added: Mapped[int] = mapped_column(BigInteger, default=0)
    already_there: Mapped[int] = mapped_column(BigInteger, default=0)
    refused: Mapped[int] = mapped_column(BigInteger, default=0)
    first_refused: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    """The first of the refused: ``place`` and ``reason``."""
    conflicts: Mapped[int] = mapped_column(BigInteger, default=0)
    """Lines that were not stored, for their id stands for other content."""
    first_conflicts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    """The first of them: ``place`` and ``reason``."""
    error: Mapped[str | None] = mapped_column(Text)

    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
    started_at: Mapped[datetime | None] = mapped_column(Timestamp)
    finished_at: Mapped[datetime | None] = mapped_column(Timestamp)

    requester: Mapped[User] = relationship(lazy="joined")


class ImportMapping(Base):
    """A mapping that a workspace keeps by name."""

    __tablename__ = "import_mappings"

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    form: Mapped[dict[str, Any]] = mapped_column(JSONB)
    updated_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))
    updated_at: Mapped[datetime] = mapped_column(Timestamp, server_default=text("now()"))

    updater: Mapped[User] = relationship(lazy="joined")
