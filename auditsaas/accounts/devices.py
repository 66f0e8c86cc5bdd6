"""Known devices: browsers in which a person has signed in, by a cookie that only the product makes.

Guesses from elsewhere pause unknown browsers, and never a known one, whose own are counted apart.
The cookie proves nothing more: who has it still gives password and second factor.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta

from cryptography.fernet import InvalidToken

from auditsaas import tokens
from auditsaas.accounts import encryption
from config.secret_keys import SecretKeys

GOOD_FOR = timedelta(days=180)
"""Since the last sign-in."""
MOST_ACCOUNTS = 5
"""The accounts that one browser is known to; the one used longest ago is forgotten first."""
MAX_COOKIE = 2_000
FIELD = "devices"


@dataclass(frozen=True)
class Devices:
    """The accounts that a browser is known to, the last used first: address hash and device id."""

    known: tuple[tuple[str, str], ...] = ()

    def of(self, email: str) -> str | None:
        """Return the device's id for the account of an address; None where it is unknown."""
        return dict(self.known).get(_hash(email))

    @property
    def any(self) -> str | None:
        """Return an id where the browser is known to any account."""
        return self.known[0][1] if self.known else None

    def with_account(self, email: str) -> Devices:
        """Add an account, or make it the last used."""
        here = _hash(email), self.of(email) or tokens.new()
        others = [pair for pair in self.known if pair[0] != here[0]]
        return Devices((here, *others)[:MOST_ACCOUNTS])


def read(keys: SecretKeys, cookie: str) -> Devices:
    """Read a cookie; one that is too old, altered or another installation's knows no account."""
    if not cookie or len(cookie) > MAX_COOKIE:
        return Devices()
    try:
        kept = json.loads(encryption.unseal(keys, cookie, int(GOOD_FOR.total_seconds())))
    except (InvalidToken, ValueError):
        return Devices()
    # What is sealed for another purpose has no such field.
    pairs = kept.get(FIELD, ()) if isinstance(kept, dict) else ()
    return Devices(tuple((str(address), str(device)) for address, device in pairs))


def written(keys: SecretKeys, devices: Devices) -> str:
    """Write a cookie that neither its browser nor a script can read or make."""
    return encryption.seal(keys, json.dumps({FIELD: devices.known}))


def _hash(email: str) -> str:
    return hashlib.sha256(email.strip().lower()[:320].encode("utf-8", "replace")).hexdigest()[:32]
