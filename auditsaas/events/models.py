"""The log and what is kept beside it. Core tables: the log is read by the thousand rows."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, INET, JSON

from auditsaas.db.columns import Timestamp
from auditsaas.extensions import Base

ByteOrderedText = String(collation="C")

events = Table(
    "events",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("occurred_at", Timestamp, nullable=False),
    Column("received_at", Timestamp, nullable=False),
    Column("activity", ByteOrderedText, nullable=False),
    Column("status", ByteOrderedText, nullable=False),
    Column("actor_id", ByteOrderedText, nullable=False),
    Column("actor_name", Text),
    Column("actor_email", Text),
    Column("actor_role", Text),
    Column("actor_status", Text),
    Column("method", ByteOrderedText),
    Column("path", Text),
    Column("status_code", SmallInteger),
    Column("ip", INET),
    Column("user_agent", Text),
    Column("platform", Text, nullable=False),
    Column("browser", Text, nullable=False),
    Column("duration_ms", Double),
    Column("request_id", ByteOrderedText),
    Column("targets", JSON(none_as_null=True)),
    Column("changes", JSON(none_as_null=True)),
    Column("metadata", JSON(none_as_null=True)),
    Column("idempotency_key", Text),
)

log_heads = Table(
    "log_heads",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("last_received_at", Timestamp),
    Column("redacted_keys", ARRAY(Text)),
    Column("removed", BigInteger, nullable=False, server_default="0"),
    Column("days_counted", BigInteger, nullable=False, server_default="0"),
)
"""``seq`` never goes back; ``removed`` says how many of its events are past their retention.
``days_counted`` is their sum as the daily counts know it, less where these are not complete."""

event_counts = Table(
    "event_counts",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("hour", Timestamp, primary_key=True),
    Column("activity", ByteOrderedText, primary_key=True),
    Column("method", ByteOrderedText, primary_key=True),
    Column("status", ByteOrderedText, primary_key=True),
    Column("n", Integer, nullable=False),
)
"""Exact counts by UTC hour; ``method`` is '' where the event has none."""

event_days = Table(
    "event_days",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("day", Timestamp, primary_key=True),
    Column("activity", ByteOrderedText, primary_key=True),
    Column("method", ByteOrderedText, primary_key=True),
    Column("status", ByteOrderedText, primary_key=True),
    Column("n", BigInteger, nullable=False),
)
"""The same by UTC day, for long periods; exact where ``log_heads.days_counted`` says so."""

actors = Table(
    "actors",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("id", ByteOrderedText, primary_key=True),
    Column("name", Text),
    Column("email", Text),
    Column("role", Text),
    Column("status", Text),
    Column("as_of", Timestamp, nullable=False),
)
"""What is known of each actor now: the newest event that says it wins."""

actor_emails = Table(
    "actor_emails",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("email", ByteOrderedText, primary_key=True),
    Column("actor_id", ByteOrderedText, primary_key=True),
)
"""Every address an actor ever had, as it is compared, so that an old one still finds them."""

actor_names = Table(
    "actor_names",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("name", ByteOrderedText, primary_key=True),
    Column("actor_id", ByteOrderedText, primary_key=True),
)
"""What an actor was called, as it is compared and at most 256 characters of it, to lead to those
whose name in ``actors`` is the one that is asked for."""

request_keys = Table(
    "request_keys",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("arrived_at", Timestamp, nullable=False),
)
"""When a request with a key of its own first came, for a while."""
