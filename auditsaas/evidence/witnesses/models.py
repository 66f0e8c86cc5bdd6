"""The tables of witnesses: of each log, and of the logs that this installation is one for."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from auditsaas.db.columns import Timestamp
from auditsaas.extensions import Base

witnesses = Table(
    "witnesses",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("vkey", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("required", Boolean, nullable=False, server_default="false"),
    Column("last_size", BigInteger, nullable=False, server_default="0"),
    Column("last_at", Timestamp),
    Column("last_error", Text),
    Column("failing_since", Timestamp),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_try_at", Timestamp, nullable=False),
    Column("added_at", Timestamp, nullable=False),
    Column("removed_at", Timestamp),
)
"""Who is asked to cosign a log: ``last_size`` is the size that they cosigned last, ``attempts`` how
often they have failed since."""

cosignatures = Table(
    "cosignatures",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("size", BigInteger, primary_key=True),
    Column("witness_id", Uuid, primary_key=True),
    Column("line", Text, nullable=False),
    Column("at", Timestamp, nullable=False),
)
"""Signature lines of witnesses, each verified before it was kept. They outlive the witness."""

known_heads = Table(
    "known_heads",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("holder", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", Timestamp, nullable=False),
)
"""The greatest checkpoint that each holder showed, which this log's own key signed."""

witnessed = Table(
    "witnessed",
    Base.metadata,
    Column("origin", Text, primary_key=True),
    Column("vkeys", ARRAY(Text), nullable=False),
    Column("size", BigInteger, nullable=False, server_default="0"),
    Column("root", LargeBinary, nullable=False),
    Column("note", Text),
    Column("at", Timestamp),
    Column("added_at", Timestamp, nullable=False),
)
"""Logs that this installation is a witness for, and the largest head of each that it cosigned."""


class WitnessKey(Base):
    """The key by which this installation cosigns; at most one row."""

    __tablename__ = "witness_keys"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    vkey: Mapped[str] = mapped_column(Text)
    sealed: Mapped[str] = mapped_column(Text)
    """The secret's 32 bytes in hexadecimal, sealed under SECRET_KEY."""
    made_at: Mapped[datetime] = mapped_column(Timestamp)
