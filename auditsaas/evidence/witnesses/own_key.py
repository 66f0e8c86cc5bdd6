"""The key by which this installation cosigns other logs: one for all, sealed under SECRET_KEY."""

from __future__ import annotations

import secrets
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auditsaas.accounts import encryption
from auditsaas.evidence.format.cosignatures import CosigningKey
from auditsaas.evidence.format.notes import VerifierKey
from auditsaas.evidence.witnesses.models import WitnessKey
from config.secret_keys import SecretKeys

THE_ONE: Final = UUID(int=1)
"""The id of the only row, so that two who make the key at once make one."""


def key(session: Session, secrets_of: SecretKeys) -> CosigningKey | None:
    """Return the key of this installation, where it has one.

    Raises:
        cryptography.fernet.InvalidToken: none of the secrets opens it.
    """
    found = select(WitnessKey.vkey, WitnessKey.sealed).where(WitnessKey.id == THE_ONE)
    row = session.execute(found).one_or_none()
    if row is None:
        return None
    secret = bytes.fromhex(encryption.unseal(secrets_of, row.sealed))
    return CosigningKey(VerifierKey.parse(row.vkey).name, secret)


def made(session: Session, secrets_of: SecretKeys, base_url: str) -> CosigningKey:
    """Return the key of this installation, which is made where there is none; flush."""
    new = CosigningKey(f"{urlsplit(base_url).netloc}/witness", secrets.token_bytes(32))
    session.execute(
        insert(WitnessKey)
        .values(
            id=THE_ONE,
            vkey=str(new.verifier),
            sealed=encryption.seal(secrets_of, new.secret.hex()),
            made_at=func.now(),
        )
        .on_conflict_do_nothing()
    )
    kept = key(session, secrets_of)
    assert kept is not None  # noqa: S101  # it was made above, if by another
    return kept
