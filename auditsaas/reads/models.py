"""Reads of a log that are being counted, until they are appended to it. A Core table."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from auditsaas.db.columns import Timestamp
from auditsaas.extensions import Base

log_reads = Table(
    "log_reads",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("hour", Timestamp, primary_key=True),
    Column("reader", String(collation="C"), primary_key=True),
    Column("query_hash", LargeBinary, primary_key=True),
    Column("id", Uuid, nullable=False),
    Column("query", Text, nullable=False),
    Column("name", Text),
    Column("email", Text),
    Column("role", Text),
    Column("pages", Integer, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("parts", ARRAY(Text), nullable=False),
    Column("opened", ARRAY(Uuid), nullable=False),
    Column("addresses", ARRAY(Text), nullable=False),
    Column("first_at", Timestamp, nullable=False),
    Column("last_at", Timestamp, nullable=False),
)
"""One row a reader, canonical filter and hour of PostgreSQL's clock. ``id`` is the key of the event
that it becomes; name, e-mail and role are as they were at the first read."""
