"""Blocks of a log kept column by column, and how far they go."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from auditsaas.db.columns import Timestamp
from auditsaas.events.models import ByteOrderedText
from auditsaas.extensions import Base

BLOCK: Final = 8192
"""Sequence numbers of a block: number ``n`` has those from n·8192 + 1 to (n + 1)·8192."""
FORMAT: Final = 1
"""Grows where blocks are stored in another form: those that are there are then made anew."""

event_columns = Table(
    "event_columns",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("block", BigInteger, primary_key=True),
    Column("field", ByteOrderedText, primary_key=True),
    Column("last_seq", BigInteger, nullable=False),
    Column("events", Integer, nullable=False),
    Column("first_minute", BigInteger, nullable=False),
    Column("last_minute", BigInteger, nullable=False),
    Column("words", ARRAY(Text)),
    Column("counts", ARRAY(Integer)),
    Column("numbers", LargeBinary),
    Column("slices", LargeBinary),
)
"""One field of the events of a block up to ``last_seq``, which stand in the order of their minutes.
``words`` or ``numbers`` are its different values, ``counts`` says how often each word is there, and
``slices`` holds their places. Minutes are counted from 1970. A block that is missing is read from
the log itself."""

column_heads = Table(
    "column_heads",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("built_to", BigInteger, nullable=False, server_default="0"),
    Column("last_id", Uuid),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    Column("made_by", Integer, nullable=False, server_default="0"),
    Column("grown_at", Timestamp),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("retry_at", Timestamp),
)
"""One row a workspace: no block below ``built_to`` is missing. ``last_id`` is the event of that
number and ``epoch`` the log's, by which another log is told after a restore; ``made_by`` is the
form of what is stored. After ``attempts`` that failed it waits until ``retry_at``."""
