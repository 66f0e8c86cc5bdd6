"""The tables of requests for erasures, and of the keys of pseudonyms."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import BigInteger, Column, ForeignKey, SmallInteger, String, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from auditsaas.db.columns import Timestamp
from auditsaas.extensions import Base

requests = Table(
    "erasure_requests",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("person", String(collation="C")),
    Column("pseudonym", Text, nullable=False),
    Column("slots", ARRAY(SmallInteger), nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("up_to", BigInteger, nullable=False),
    Column("sample", Uuid, nullable=False),
    Column("after", Uuid),
    Column("erased", BigInteger, nullable=False, server_default=text("0")),
    Column("started_at", Timestamp),
    Column("done_at", Timestamp),
    Column("stopped_because", Text),
)
"""One row a request, beside its pending change of the same id. ``person`` goes once their words are
erased. It takes the events up to number ``up_to``; those up to id ``after`` are done. ``sample`` is
the event that the page shows."""


class ErasureKey(Base):
    """The secret of a workspace's pseudonyms, sealed; ``id`` is the workspace's."""

    __tablename__ = "erasure_keys"

    id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    sealed: Mapped[str] = mapped_column(Text)
