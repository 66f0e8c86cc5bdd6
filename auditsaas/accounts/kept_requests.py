"""Keeps a request while its person is asked again who they are, and never a password of theirs.

What is kept travels with the page that asks, sealed with the installation's key, so it cannot be
read or changed on its way, serves only its own person, and only for a while.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from uuid import UUID

from cryptography.fernet import InvalidToken

from auditsaas.accounts import encryption
from config.secret_keys import SecretKeys

SECONDS = 1_800
SECRETS = frozenset({"csrf_token", "password", "new_password", "code", "credential"})


@dataclass(frozen=True)
class KeptRequest:
    """A request to send again: its address with the query, and the fields of its form."""

    method: str
    address: str
    fields: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, method: str, address: str, fields: Iterable[tuple[str, str]]) -> KeptRequest:
        kept = tuple((name, value) for name, value in fields if name not in SECRETS)
        return cls(method, address, kept)


def seal(keys: SecretKeys, user_id: UUID, kept: KeptRequest) -> str:
    return encryption.seal(keys, json.dumps({"user": str(user_id), **asdict(kept)}))


def unseal(keys: SecretKeys, user_id: UUID, sealed: str) -> KeptRequest | None:
    """Read what was kept; None where it is another person's, too old, or altered."""
    try:
        kept = json.loads(encryption.unseal(keys, sealed, seconds=SECONDS))
    except (InvalidToken, ValueError):
        return None
    # What is sealed for another purpose has no such field.
    if not isinstance(kept, dict) or kept.get("user") != str(user_id):
        return None
    fields = tuple((str(name), str(value)) for name, value in kept["fields"])
    return KeptRequest(kept["method"], kept["address"], fields)
