"""The tables of a log's dictionary of words, which the owner of the tables writes."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
)

from auditsaas.db.columns import Timestamp
from auditsaas.extensions import Base

BLOCK: Final = 250
"""Sequence numbers of a block: number ``n`` has those from n·250 + 1 to (n + 1)·250."""

event_words = Table(
    "event_words",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("block", BigInteger, primary_key=True),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("min_id", Uuid, nullable=False),
    Column("max_id", Uuid, nullable=False),
    Column("events", SmallInteger, nullable=False),
    Column("signature", LargeBinary),
    Column("words", Text),
)
"""The words of the events of a block; one without events has no row. ``words`` are its different
pieces, each between line ends, also the first and the last; ``signature`` tells in a kilobyte what
cannot be among them (``signatures``). Both are NULL where they are to be made anew: then any word
may be in the block."""

word_heads = Table(
    "word_heads",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("words_to", BigInteger, nullable=False, server_default="0"),
    Column("last_id", Uuid),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    Column("made_by", Integer, nullable=False, server_default="0"),
    Column("again", Boolean, nullable=False, server_default="false"),
    Column("grown_at", Timestamp),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("retry_at", Timestamp),
)
"""One row a workspace: events of numbers up to ``words_to`` are in its blocks. ``last_id`` is the
event of that number and ``epoch`` the log's, by which another log is told after a restore;
``made_by`` the way in which words are made (``heads.MADE_BY``). ``again`` says that blocks are
without their words. After ``attempts`` that failed it waits until ``retry_at``."""
