"""Redacts the values of a workspace's redacted keys before events are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REDACTED = "[redacted]"

USUAL_KEYS = (
    "access_key", "access_token", "accesstoken", "api_key", "apikey", "auth_token", "authorization",
    "client_secret", "clientsecret", "cookie", "credentials", "id_token", "idtoken", "passphrase",
    "passwd", "password", "private_key", "privatekey", "proxy-authorization",
    "refresh_token", "refreshtoken", "secret", "secret_key", "secretaccesskey", "secretkey",
    "session_token", "sessiontoken", "set-cookie", "token", "x-api-key",
)  # fmt: skip
"""Keys, in lower case, whose values give access; a new workspace begins with these."""


def redacted(value: Any, keys: frozenset[str]) -> Any:
    """Replace everything in ``value`` under one of ``keys`` (in lower case), at any depth.

    What holds none of them is returned as it is; nothing is changed in place.
    """
    return _replaced(value, keys) if _holds_any(value, keys) else value


def _holds_any(value: Any, keys: frozenset[str]) -> bool:
    """Tell whether a value holds one of the keys; nearly always none, and every event is asked."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key.lower() in keys:
                return True
            if isinstance(inner, dict | list) and _holds_any(inner, keys):
                return True
        return False
    return isinstance(value, list) and any(_holds_any(inner, keys) for inner in value)


def _replaced(value: Any, keys: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return {
            key: REDACTED if key.lower() in keys else _replaced(inner, keys)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_replaced(inner, keys) for inner in value]
    return value


def redacted_changes(
    changes: Mapping[str, list[Any]], keys: frozenset[str]
) -> Mapping[str, list[Any]]:
    """Redact the values of changes, keeping that a field under such a key changed."""
    if not _holds_any(changes, keys):
        return changes
    return {
        field: [REDACTED] * len(pair) if field.lower() in keys else redacted(pair, keys)
        for field, pair in changes.items()
    }
