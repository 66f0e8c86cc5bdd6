"""Forms of the sign-in pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

HOME: Final = "/"
"""Leads each person where they begin."""

# A browser drops tabs and newlines, and reads a backslash as a slash, before it looks for a host.
_OWN_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
_HIDDEN_CHARACTER = re.compile(r"%(?:[01][0-9a-f]|7f|5c)", re.IGNORECASE)
_OTHER_WAY_UP = re.compile(r"//|/\.{1,2}(?:/|$)|%2f|%2e", re.IGNORECASE)


@dataclass(frozen=True)
class SignInForm:
    email: str
    password: str
    next: str

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> SignInForm:
        return cls(fields.get("email", ""), fields.get("password", ""), fields.get("next", ""))


def own_path(address: str) -> str | None:
    """Return ``address`` if it is a safe internal redirect, else None."""
    path = address.partition("#")[0].partition("?")[0]
    if not _OWN_PATH.fullmatch(address) or _HIDDEN_CHARACTER.search(address):
        return None
    if _OTHER_WAY_UP.search(path):
        return None
    return None if path.rstrip("/") in ("/login", "/logout") else address
