"""The keys that sign a log's checkpoints: their public halves for readers, the secrets for signers.

A key's name is the log's origin. It stays what it was when the key was made, also where the
installation moves to another address: verifiers know the log by it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import ColumnElement, func, insert, select
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.accounts import encryption
from auditsaas.db.ids import new_id
from auditsaas.evidence.format.notes import SigningKey, VerifierKey, base64, unbase64
from auditsaas.evidence.models import tree_keys
from auditsaas.own_activities import Activity
from config.secret_keys import SecretKeys
from config.settings import Settings


@dataclass(frozen=True)
class LogKey:
    """The public half of a key of a log, and since when until when it signs."""

    id: UUID
    verifier: VerifierKey
    made_at: datetime
    retired_at: datetime | None

    @property
    def origin(self) -> str:
        return self.verifier.name


@dataclass(frozen=True, kw_only=True)
class Keyring:
    """What a process needs to sign: how secrets are sealed, and how new keys are named."""

    secret_keys: SecretKeys
    base_url: str
    brand: str

    @classmethod
    def of(cls, settings: Settings) -> Keyring:
        return cls(
            secret_keys=settings.secret_keys, base_url=settings.base_url, brand=settings.brand_name
        )


def origin(base_url: str, workspace_id: UUID) -> str:
    """Name the log of a workspace, as a key that is made now would be named."""
    return f"{urlsplit(base_url).netloc.rpartition('@')[2]}/log/{workspace_id}"


def verifier_keys(session: Session, workspace_id: UUID) -> list[LogKey]:
    """Read every key that ever signed the log, the oldest first."""
    found = select(
        tree_keys.c.id, tree_keys.c.vkey, tree_keys.c.made_at, tree_keys.c.retired_at
    ).where(tree_keys.c.workspace_id == workspace_id)
    return [
        LogKey(row.id, VerifierKey.parse(row.vkey), row.made_at, row.retired_at)
        for row in session.execute(found.order_by(tree_keys.c.made_at, tree_keys.c.id))
    ]


def signing_keys(session: Session, workspace_id: UUID, ring: Keyring) -> list[SigningKey]:
    """Open the secrets of the keys that sign the log now, the oldest first.

    Raises:
        cryptography.fernet.InvalidToken: a secret was sealed under another SECRET_KEY.
    """
    found = select(tree_keys.c.vkey, tree_keys.c.sealed).where(*_signs(workspace_id))
    return [
        SigningKey(
            VerifierKey.parse(row.vkey).name,
            unbase64(encryption.unseal(ring.secret_keys, row.sealed)),
        )
        for row in session.execute(found.order_by(tree_keys.c.made_at, tree_keys.c.id))
    ]


def ensure(session: Session, workspace_id: UUID, ring: Keyring, taken_in: int) -> None:
    """Make the log's first key where it has none, and record it in the log."""
    if session.scalar(select(tree_keys.c.id).where(*_signs(workspace_id)).limit(1)) is None:
        made = make(session, workspace_id, ring, origin(ring.base_url, workspace_id))
        own_actions.record(
            session,
            Activity.TREE_KEY_CREATE,
            workspaces=[workspace_id],
            actor=own_actions.installation(ring.brand),
            metadata={"key": str(made), "taken_in": taken_in},
        )


def make(session: Session, workspace_id: UUID, ring: Keyring, name: str) -> VerifierKey:
    """Make a key that signs from now on."""
    key = SigningKey(name, secrets.token_bytes(32))
    row = {
        "workspace_id": workspace_id,
        "id": new_id(),
        "vkey": str(key.verifier),
        "sealed": encryption.seal(ring.secret_keys, base64(key.secret)),
        "made_at": func.now(),
    }
    session.execute(insert(tree_keys).values(row))
    return key.verifier


def _signs(workspace_id: UUID) -> list[ColumnElement[bool]]:
    return [tree_keys.c.workspace_id == workspace_id, tree_keys.c.retired_at.is_(None)]
