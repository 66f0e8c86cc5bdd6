"""API keys as a workspace's admins see and revoke them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas.accounts.models import User
from auditsaas.errors import Conflict, NotFound
from auditsaas.own_activities import Activity
from auditsaas.workspaces import key_making
from auditsaas.workspaces.acting_member import ActingMember
from auditsaas.workspaces.models import ApiKey

SOON = timedelta(days=14)
UNUSED_AFTER = timedelta(days=90)
SHOWN_OF_PUBLIC_ID = 4


@dataclass(frozen=True, kw_only=True)
class KeyRow:
    """One key without its secret, which is stored only as a hash."""

    id: UUID
    name: str
    prefix: str
    scopes: Sequence[str]
    networks: Sequence[str]
    state: str
    """`active`, `unused`, `expired` or `revoked`."""
    last_used_at: datetime | None
    created_at: datetime
    created_by: str | None
    expires_at: datetime | None
    expires_soon: bool

    @property
    def live(self) -> bool:
        return self.state in ("active", "unused")


def list_keys(session: Session, workspace_id: UUID) -> Sequence[KeyRow]:
    """List all keys, revoked ones too: the live ones first, the newest of each first."""
    now = datetime.now(UTC)
    found = session.execute(
        select(ApiKey, User.name)
        .outerjoin(User, User.id == ApiKey.created_by)
        .where(ApiKey.workspace_id == workspace_id)
        .order_by(ApiKey.id.desc())
    )
    rows = [_row(key, creator, now) for key, creator in found]
    return sorted(rows, key=lambda row: not row.live)


def find_key(session: Session, workspace_id: UUID, key_id: UUID) -> ApiKey:
    """Find one key of the workspace.

    Raises:
        NotFound: it has none with the id.
    """
    key = session.get(ApiKey, (workspace_id, key_id), populate_existing=True)
    if key is None:
        raise NotFound("There is no such key here.")
    return key


def revoke(session: Session, actor: ActingMember, key_id: UUID) -> None:
    """Close a key at once and for ever.

    Raises:
        NotFound: the workspace has none with the id.
        Conflict: it is revoked already.
    """
    key = find_key(session, actor.workspace_id, key_id)
    if key.revoked_at is not None:
        raise Conflict(f"{key.name} is revoked already.")
    key.revoked_at = datetime.now(UTC)
    session.flush()
    actor.record(
        session,
        Activity.API_KEY_REVOKE,
        targets=[key_making.target(key)],
        changes={"revoked_at": [None, key.revoked_at.isoformat()]},
    )


def _row(key: ApiKey, creator: str | None, now: datetime) -> KeyRow:
    return KeyRow(
        id=key.id,
        name=key.name,
        prefix=f"aud_{key.public_id[:SHOWN_OF_PUBLIC_ID]}…",
        scopes=key.scopes,
        networks=key.allowed_networks,
        state=_state(key, now),
        last_used_at=key.last_used_at,
        created_at=key.created_at,
        created_by=creator,
        expires_at=key.expires_at,
        expires_soon=key.expires_at is not None and now < key.expires_at <= now + SOON,
    )


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"
    return "unused" if (key.last_used_at or key.created_at) <= now - UNUSED_AFTER else "active"
