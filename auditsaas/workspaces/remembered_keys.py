"""Remembers keys that this process asked for within seconds, under the hash of their secret.

A remembered key lets no request in by itself: it may be used only where the statement that acts for
the key checks it in the same breath (``events.writing.sender``), or where it is asked for again
before the answer leaves.
"""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import Final

from auditsaas import tokens
from auditsaas.workspaces.api_keys import KeyAccess, allows

SECONDS: Final = 15.0
"""Shorter than the minute in which a use is noted."""
MOST: Final = 10_000

_known: dict[bytes, tuple[float, KeyAccess]] = {}


def remember(secret: str, access: KeyAccess) -> None:
    """Keep what a key was found to be."""
    if len(_known) >= MOST:
        _known.clear()
    _known[tokens.digest(secret)] = (monotonic() + SECONDS, replace(access, use_noted=False))


def recall(secret: str, address: str | None) -> KeyAccess | None:
    """Return what a key was, where it may be used from the address; None of one not kept."""
    until, access = _known.get(tokens.digest(secret), (0.0, None))
    if access is None or until < monotonic() or not allows(access, address):
        return None
    return access


def forget(secret: str) -> None:
    """Drop a key that is no longer what it was."""
    _known.pop(tokens.digest(secret), None)
