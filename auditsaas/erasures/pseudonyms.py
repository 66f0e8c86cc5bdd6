"""Makes the pseudonyms of erased persons: the same for one person in one workspace.

They are keyed, for ids are few and easily guessed. The key is sealed under SECRET_KEY, so that the
database alone, or a copy of it, tests no guess.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode
from typing import Final
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auditsaas.accounts import encryption
from auditsaas.erasures.models import ErasureKey
from auditsaas.evidence.erased import PSEUDONYM
from config.secret_keys import SecretKeys

KEY_BYTES: Final = 32
DIGITS: Final = 12


def of_person(session: Session, workspace_id: UUID, person: str, keys: SecretKeys) -> str:
    """Make the pseudonym of a person, with the workspace's key, which is made with its first."""
    if PSEUDONYM.fullmatch(person):
        return person
    digest = hmac.digest(_key(session, workspace_id, keys), person.encode(), "sha256")
    return f"erased-{digest.hex()[:DIGITS]}"


def _key(session: Session, workspace_id: UUID, keys: SecretKeys) -> bytes:
    kept = session.get(ErasureKey, workspace_id)
    if kept is None:
        made = encryption.seal(keys, b64encode(secrets.token_bytes(KEY_BYTES)).decode())
        session.execute(
            insert(ErasureKey).values(id=workspace_id, sealed=made).on_conflict_do_nothing()
        )
        kept = session.get_one(ErasureKey, workspace_id)
    return b64decode(encryption.unseal(keys, kept.sealed))
