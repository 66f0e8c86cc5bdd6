"""Keeps secrets that must be read again, such as a second factor's, out of plain sight in the
database: a copy of it alone gives nothing away without the installation's SECRET_KEY."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet


def seal(secret_key: str, text: str) -> str:
    return _box(secret_key).encrypt(text.encode()).decode()


def unseal(secret_key: str, sealed: str, seconds: int | None = None) -> str:
    """Decrypt a stored secret, sealed at most ``seconds`` ago if that is given.

    Raises:
        cryptography.fernet.InvalidToken: it was sealed with another key, or changed, or is too old.
    """
    return _box(secret_key).decrypt(sealed.encode(), ttl=seconds).decode()


def _box(secret_key: str) -> Fernet:
    return Fernet(urlsafe_b64encode(hmac.digest(secret_key.encode(), b"auditsaas seal", "sha256")))
