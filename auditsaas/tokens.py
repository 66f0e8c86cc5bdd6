"""Secret tokens of sessions and links: 256 random bits, of which only a digest is stored."""

from __future__ import annotations

import hashlib
import re
import secrets

BYTES = 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def new() -> str:
    """Make a token that fits in a cookie or an address."""
    return secrets.token_urlsafe(BYTES)


def well_formed(token: str) -> bool:
    """Tell whether the text can be a token at all, known or not."""
    return _TOKEN.fullmatch(token) is not None


def digest(secret: str) -> bytes:
    """Hash a secret of enough random bits for storage: SHA-256, without a salt."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
