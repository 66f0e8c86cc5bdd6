"""The keys that sign a log's checkpoints: their public halves for readers, the secrets for signers.

A key's name is the log's origin. It stays what it was when the key was made, also where the
installation moves to another address: verifiers know the log by it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from cryptography.fernet import InvalidToken
from sqlalchemy import ColumnElement, Row, func, insert, select, update
from sqlalchemy.orm import Session

from auditsaas.accounts import encryption
from auditsaas.db.ids import new_id
from auditsaas.events.reading.feed import last_seq
from auditsaas.evidence.format.notes import SigningKey, VerifierKey, base64, unbase64
from auditsaas.evidence.models import tree_keys
from auditsaas.evidence.tree.key_folder import KeyFolder, SecretMissing
from config.secret_keys import SecretKeys
from config.settings import Settings

_OLDEST: Final = (tree_keys.c.seq, tree_keys.c.id)


@dataclass(frozen=True)
class LogKey:
    """The public half of a key of a log, and from when until when it signs."""

    id: UUID
    verifier: VerifierKey
    seq: int
    """The number of the event that tells of it."""
    made_at: datetime
    retired_at: datetime | None

    @property
    def origin(self) -> str:
        return self.verifier.name


@dataclass(frozen=True)
class Signer:
    """A key that signs a log now, with its secret."""

    id: UUID
    key: SigningKey
    seq: int
    """The number of the event that tells of it."""


@dataclass(frozen=True, kw_only=True)
class Keyring:
    """The means of a process to sign: where secrets are kept, and how new logs are named."""

    secret_keys: SecretKeys
    base_url: str
    brand: str
    folder: KeyFolder | None = None
    """Where secrets are files; None where they are sealed in the database."""

    @classmethod
    def of(cls, settings: Settings) -> Keyring:
        return cls(
            secret_keys=settings.secret_keys,
            base_url=settings.base_url,
            brand=settings.brand_name,
            folder=KeyFolder(settings.tree_keys) if settings.tree_keys else None,
        )


def origin(base_url: str, workspace_id: UUID) -> str:
    """Name the log of a workspace, as its first key is named if it is made now."""
    return f"{urlsplit(base_url).netloc.rpartition('@')[2]}/log/{workspace_id}"


def verifier_keys(session: Session, workspace_id: UUID) -> list[LogKey]:
    """Read every key that ever signed the log, the oldest first."""
    found = select(tree_keys).where(tree_keys.c.workspace_id == workspace_id).order_by(*_OLDEST)
    return [
        LogKey(row.id, VerifierKey.parse(row.vkey), row.seq, row.made_at, row.retired_at)
        for row in session.execute(found)
    ]


def current_origin(session: Session, workspace_id: UUID) -> str | None:
    """Return the name that the log signs under now; None where it has no key yet."""
    found = select(tree_keys.c.vkey).where(tree_keys.c.workspace_id == workspace_id)
    newest = session.scalar(found.order_by(*(key.desc() for key in _OLDEST)).limit(1))
    return None if newest is None else VerifierKey.parse(newest).name


def signers(session: Session, workspace_id: UUID, ring: Keyring) -> list[Signer]:
    """Open the secrets of the keys that sign the log now, the oldest first.

    Raises:
        SecretMissing: one cannot be had.
    """
    found = select(tree_keys).where(*_signing(workspace_id)).order_by(*_OLDEST)
    return [
        Signer(row.id, SigningKey(VerifierKey.parse(row.vkey).name, _secret(row, ring)), row.seq)
        for row in session.execute(found)
    ]


def has_any(session: Session, workspace_id: UUID) -> bool:
    """Tell whether a log has a key that signs it."""
    found = select(tree_keys.c.id).where(*_signing(workspace_id)).limit(1)
    return session.scalar(found) is not None


@dataclass(frozen=True)
class NewKey:
    """A key that is first told in the log, and then kept."""

    id: UUID
    key: SigningKey

    @classmethod
    def named(cls, name: str) -> NewKey:
        return cls(new_id(), SigningKey(name, secrets.token_bytes(32)))

    def keep(self, session: Session, workspace_id: UUID, ring: Keyring) -> None:
        """Let the key sign from now on; the log's newest event is the one that tells of it."""
        sealed = None
        if ring.folder is None:
            sealed = encryption.seal(ring.secret_keys, base64(self.key.secret))
        else:
            ring.folder.write(workspace_id, self.id, self.key.secret)
        row = insert(tree_keys).values(
            workspace_id=workspace_id,
            id=self.id,
            vkey=str(self.key.verifier),
            seq=last_seq(session, workspace_id),
            sealed=sealed,
            made_at=func.now(),
        )
        session.execute(row)


def retire(session: Session, workspace_id: UUID, key_id: UUID) -> None:
    """Let a key sign no more, and forget its sealed secret; its file is removed after a commit."""
    gone = update(tree_keys).where(
        tree_keys.c.workspace_id == workspace_id, tree_keys.c.id == key_id
    )
    session.execute(gone.values(sealed=None, retired_at=func.now()))


def _secret(row: Row[Any], ring: Keyring) -> bytes:
    if row.sealed is None and ring.folder is not None:
        return ring.folder.read(row.workspace_id, row.id)
    if row.sealed is None:
        raise SecretMissing("The log's key is in the folder of TREE_KEYS, which is not set here.")
    try:
        return unbase64(encryption.unseal(ring.secret_keys, row.sealed))
    except InvalidToken as error:
        raise SecretMissing(
            "The log's key was sealed under another SECRET_KEY: give it as SECRET_KEY_FALLBACKS."
        ) from error


def _signing(workspace_id: UUID) -> list[ColumnElement[bool]]:
    return [tree_keys.c.workspace_id == workspace_id, tree_keys.c.retired_at.is_(None)]
