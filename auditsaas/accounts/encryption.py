"""Keeps secrets that must be read again, such as a second factor's, out of plain sight in the
database: a copy of it alone gives nothing away without the installation's SECRET_KEY."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from contextlib import suppress
from enum import Enum

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from config.secret_keys import SecretKeys


class Opening(Enum):
    """The key that opens what is sealed."""

    CURRENT = "current"
    FALLBACK = "fallback"
    NONE = "none"


def seal(keys: SecretKeys, text: str) -> str:
    return _box(keys.current).encrypt(text.encode()).decode()


def unseal(keys: SecretKeys, sealed: str, seconds: int | None = None) -> str:
    """Decrypt a stored secret, sealed at most ``seconds`` ago if that is given.

    Raises:
        cryptography.fernet.InvalidToken: it was sealed with another key, or changed, or is too old.
    """
    boxes = MultiFernet([_box(key) for key in keys])
    return boxes.decrypt(sealed.encode(), ttl=seconds).decode()


def seal_anew(keys: SecretKeys, sealed: str) -> str:
    """Seal under today's key what one of the others opens; when it was first sealed stays told.

    Raises:
        cryptography.fernet.InvalidToken: none of the keys opens it.
    """
    return MultiFernet([_box(key) for key in keys]).rotate(sealed.encode()).decode()


def opening(keys: SecretKeys, sealed: str) -> Opening:
    """Tell which of the keys opens what is sealed."""
    for key in keys:
        with suppress(InvalidToken):
            _box(key).decrypt(sealed.encode())
            return Opening.CURRENT if key == keys.current else Opening.FALLBACK
    return Opening.NONE


def _box(secret_key: str) -> Fernet:
    return Fernet(urlsafe_b64encode(hmac.digest(secret_key.encode(), b"auditsaas seal", "sha256")))
