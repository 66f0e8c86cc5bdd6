"""The key that events are sent by, as a process remembers it; the append checks that it still is.

A process need not ask for a key before each append: it says what the key was when it asked last,
and the statement that stores the events stores none where anything of that has changed since.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

STATE: Final = (
    "json_build_array(api_keys.secret_hash, api_keys.name, api_keys.scopes,"
    " api_keys.allowed_networks, workspaces.retention_days, workspaces.legal_hold,"
    " workspaces.read_recording, workspaces.quotas)::text"
)
"""Writes what a key may do, and what its workspace grants, in SQL; whether it is live apart."""

IS_AS_SEEN: Final = f"""EXISTS (
    SELECT FROM api_keys, workspaces
    WHERE api_keys.workspace_id = :workspace AND api_keys.id = :key
    AND workspaces.id = :workspace AND workspaces.suspended_at IS NULL
    AND api_keys.revoked_at IS NULL AND coalesce(api_keys.expires_at > now(), true)
    AND {STATE} = :seen
)"""  # constants


@dataclass(frozen=True, kw_only=True)
class Sender:
    """A key as it was when it was asked for last."""

    key_id: UUID
    seen: str
    """Its ``STATE``."""


class SenderChanged(LookupError):
    """The key is no longer what it was, or no longer live; nothing was stored."""
