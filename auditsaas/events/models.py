"""The log and what is kept beside it. Core tables: the log is read by the thousand rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, INET, JSON, JSONB
from sqlalchemy.types import TypeEngine

from auditsaas.db.columns import Timestamp
from auditsaas.events.event_fields import STORED, Kind
from auditsaas.extensions import Base

ByteOrderedText = String(collation="C")

TYPES: Final[Mapping[Kind, TypeEngine[Any]]] = {
    Kind.ID: Uuid(),
    Kind.SEQUENCE: BigInteger(),
    Kind.TIME: Timestamp,
    Kind.WORD: ByteOrderedText,
    Kind.TEXT: Text(),
    Kind.CODE: SmallInteger(),
    Kind.NUMBER: Double(),
    Kind.ADDRESS: INET(),
    Kind.DOCUMENT: JSON(none_as_null=True),
}

events = Table(
    "events",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    *(
        Column(
            known.column,
            TYPES[known.kind],
            primary_key=known.kind is Kind.ID,
            nullable=not known.always,
        )
        for known in STORED
    ),
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
    Column("epochs", JSONB, nullable=False, server_default="[]"),
)
"""``seq`` never goes back, but by a restore, which begins one of ``epochs``; ``removed`` says how
many of its events are past their retention. ``days_counted`` is their sum as the daily counts know
it, less where these are not complete."""

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

platform_days = Table(
    "platform_days",
    Base.metadata,
    Column("day", Timestamp, primary_key=True),
    Column("activity", ByteOrderedText, primary_key=True),
    Column("method", ByteOrderedText, primary_key=True),
    Column("status", ByteOrderedText, primary_key=True),
    Column("n", BigInteger, nullable=False),
)
"""Daily counts of the workspaces of ``platform_heads`` together, of days before the mark; see
``maintenance.platform_counts``."""

platform_totals = Table(
    "platform_totals",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("activity", ByteOrderedText, primary_key=True),
    Column("method", ByteOrderedText, primary_key=True),
    Column("status", ByteOrderedText, primary_key=True),
    Column("n", BigInteger, nullable=False),
)
"""The same of each workspace, of all those days together."""

platform_heads = Table(
    "platform_heads",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("removed", BigInteger, nullable=False),
    Column("closed", BigInteger, nullable=False),
)
"""How far each log is counted in ``platform_days``, which hold ``closed`` of its events."""

platform_marks = Table(
    "platform_marks",
    Base.metadata,
    Column("kind", Text, primary_key=True),
    Column("upto", Timestamp, nullable=False),
    Column("workspaces", BigInteger, nullable=False),
    Column("made_at", Timestamp, nullable=False, server_default=text("now()")),
)
"""The day that ``platform_days`` end before, and how many workspaces they hold."""

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
    Column("source", ByteOrderedText),
)
"""Each actor as known now, with the source that said it: the newest event wins, but what the
product said of its own people gives way to the product alone."""

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
"""Names that an actor had, as compared and cut at 256 characters, to lead to those
whose name in ``actors`` is the one that is asked for."""

contested_events = Table(
    "contested_events",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("asked_id", Uuid, primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    UniqueConstraint("workspace_id", "event_id"),
)
"""Of each event whose id another sender's event of other content had already: the id that its key
and time ask for, and the one that it has instead."""

removals = Table(
    "removals",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("before", Timestamp, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
)
"""What retention removed of each log: events from before an instant, of which so many are not told
yet, and between which numbers seeds are to be destroyed."""

request_keys = Table(
    "request_keys",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("arrived_at", Timestamp, nullable=False),
)
"""The first arrival of each request with a key of its own, for a while."""
