"""The tables of anchors: where a log's checkpoints are kept, and each that was."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from auditsaas.db.columns import Timestamp
from auditsaas.extensions import Base


class AnchorKind(StrEnum):
    MAIL = "mail"
    """Each report's mail; it needs no place."""
    S3 = "s3"
    """An object that its store does not remove before a day (Object Lock, compliance)."""
    TSA = "tsa"
    """A time-stamp of RFC 3161."""
    WORKSPACE = "workspace"
    """An event in the log of another workspace."""


anchor_places = Table(
    "anchor_places",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("config", JSONB, nullable=False),
    Column("hours", Integer, nullable=False),
    Column("last_size", BigInteger, nullable=False, server_default="0"),
    Column("last_at", Timestamp),
    Column("last_error", Text),
    Column("failing_since", Timestamp),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_try_at", Timestamp, nullable=False),
    Column("added_at", Timestamp, nullable=False),
    Column("removed_at", Timestamp),
)
"""Where checkpoints are anchored every so many ``hours``."""

anchors = Table(
    "anchors",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("place_id", Uuid),
    Column("kind", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("receipt", LargeBinary),
    Column("at", Timestamp, nullable=False),
    Column("state", Text, nullable=False),
    Column("error", Text),
)
"""Anchors that were ``made``, each with what shows it, and the first of tries that ``failed``."""


class AnchorSecret(Base):
    """The key of a place, sealed; a table of its own, for the owner seals it anew."""

    __tablename__ = "anchor_secrets"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    """The place's."""
    sealed: Mapped[str] = mapped_column(Text)
