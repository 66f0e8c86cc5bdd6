"""The tables of a log's tree. Core tables, for most of what they hold are hashes.

A tile has 256 of them. Only the newest of a level is not full, and only that one grows; the app
role may change no full tile, and removes nothing.
"""

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
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from auditsaas.db.columns import Timestamp
from auditsaas.extensions import Base

TILE: Final = 256
"""Hashes in a full tile (C2SP tlog-tiles)."""

tree_heads = Table(
    "tree_heads",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("size", BigInteger, nullable=False, server_default="0"),
    Column("root", LargeBinary),
    Column("taken_in", BigInteger),
    Column("pruned_to", BigInteger, nullable=False, server_default="0"),
    Column("state", Text, nullable=False, server_default="growing"),
    Column("reason", Text),
    Column("sealed_size", BigInteger, nullable=False, server_default="0"),
    Column("sealed_at", Timestamp),
    Column("grown_at", Timestamp),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("retry_at", Timestamp),
    Column("closed", JSONB, nullable=False, server_default="[]"),
)
"""One row a workspace. ``taken_in`` is the log's last number when sealing began: up to it numbers
may have no event any more. ``sealed_size`` is that of its newest checkpoint. ``state`` is
``growing`` or ``forked``, and ``reason`` then says why it signs nothing. After ``attempts`` that
failed it waits until ``retry_at``. ``closed`` are logs that this one began anew after."""

tree_leaves = Table(
    "tree_leaves",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("n", BigInteger, primary_key=True),
    Column("preimages", LargeBinary, nullable=False),
    Column("seeds", LargeBinary, nullable=False),
    Column("locators", LargeBinary),
)
"""Tiles of level 0: the leaves n·256 … of w events are 40·w bytes of ``preimages`` and 16·w of
``seeds`` (``evidence.format.leaf``). The index of a leaf is its sequence number less 1.
``locators`` name a changed field (``evidence.format.locators``), of the events that are there; NULL
where they are not known."""

tree_tiles = Table(
    "tree_tiles",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("level", SmallInteger, primary_key=True),
    Column("n", BigInteger, primary_key=True),
    Column("hashes", LargeBinary, nullable=False),
)
"""Tiles of level 1 and above, 32·w bytes each: the roots of full tiles of the level below."""

checkpoints = Table(
    "checkpoints",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("size", BigInteger, primary_key=True),
    Column("root", LargeBinary, nullable=False),
    Column("at", Timestamp, nullable=False),
    Column("note", Text, nullable=False),
    Column("kept", Boolean, nullable=False, server_default="false"),
)
"""Signed heads. Those that are ``kept`` were given out, by a file or to a holder: they stay."""

tree_keys = Table(
    "tree_keys",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("vkey", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("sealed", Text),
    Column("made_at", Timestamp, nullable=False),
    Column("retired_at", Timestamp),
)
"""Keys that sign checkpoints: ``vkey`` is the public half, which the event of number ``seq`` tells.
The secret is ``sealed`` under SECRET_KEY, or NULL where it lies in the folder of TREE_KEYS or was
destroyed (``retired_at``)."""

seals_seen = Table(
    "seals_seen",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("at", Timestamp, nullable=False),
)
"""The head of a log as each person last saw it."""

erasures = Table(
    "erasures",
    Base.metadata,
    Column("workspace_id", Uuid, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("request_id", Uuid, nullable=False),
    Column("slots", ARRAY(SmallInteger), nullable=False),
    Column("hashes", LargeBinary, nullable=False),
    Column("salts", LargeBinary, nullable=False),
    Column("at", Timestamp, nullable=False, server_default=text("now()")),
)
"""What proves an event whose words were erased: of each of its ``slots`` that went the 32 bytes of
its hash, and the sixteen salts, zeros for those that went. Its seed is zeros."""
