"""Signs the scope of each transaction, so that SQL alone can take no other.

A role that serves people says itself which workspaces it is bound to, and SQL slipped into
one of its statements could say others. So every scope comes with a ticket: an HMAC-SHA256 over the
workspaces, the person and the time, by a key that the process has of ``SECRET_KEY`` and the
database keeps where only the owner of the tables reads it. ``scope_is_proven()`` checks it there.
"""

from __future__ import annotations

import hmac
import time
from typing import Final

from sqlalchemy import Column, LargeBinary, Table, text

from auditsaas.db.columns import Timestamp
from auditsaas.extensions import Base

BLOCK_BYTES: Final = 64
"""The block of SHA-256, to which an HMAC's key is padded (RFC 2104)."""
INNER, OUTER = 0x36, 0x5C
PURPOSE: Final = b"auditsaas scope of a transaction"

scope_keys = Table(
    "scope_keys",
    Base.metadata,
    Column("inner_pad", LargeBinary, primary_key=True),
    Column("outer_pad", LargeBinary, nullable=False),
    Column("made_at", Timestamp, nullable=False, server_default=text("now()")),
)
"""The keys that tickets are checked by: of today's secret, its fallbacks, and of others until
``db tighten``."""

UNSIGNED: Final = "the scope of this transaction"
"""What the errors of ``scope_is_proven()`` begin with."""

_key: bytes | None = None


def sign_with(secret_key: str) -> None:
    """Sign the scopes of this process from now on with the installation's secret."""
    global _key
    _key = key_of(secret_key)


def key_of(secret_key: str) -> bytes:
    """Derive the key of tickets, from which the secret itself cannot be told."""
    return hmac.digest(secret_key.encode(), PURPOSE, "sha256")


def pads(key: bytes) -> tuple[bytes, bytes]:
    """Return the two blocks that an HMAC by this key begins its two hashes with."""
    padded = key.ljust(BLOCK_BYTES, b"\0")
    return bytes(byte ^ INNER for byte in padded), bytes(byte ^ OUTER for byte in padded)


def inner_pad(secret_key: str) -> bytes:
    """Return the block by which the database names the key of this secret."""
    return pads(key_of(secret_key))[0]


def ticket(workspaces: str, person: str, now: float | None = None) -> str:
    """Sign a scope as it is told to PostgreSQL; empty in a process without a key."""
    if _key is None:
        return ""
    issued = int(time.time() if now is None else now)
    signed = f"{issued}|{person}|{workspaces}".encode()
    return f"{issued}.{hmac.digest(_key, signed, 'sha256').hex()}"
