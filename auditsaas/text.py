"""Text as PostgreSQL keeps it, and addresses in their one spelling."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

_SURROGATES = re.compile("[\ud800-\udfff]")


def storable(text: str) -> bool:
    """Whether PostgreSQL can keep ``text``: neither NUL nor lone surrogates."""
    if "\x00" in text:
        return False
    return text.isascii() or not _SURROGATES.search(text)


@lru_cache(maxsize=8192)
def normal_address(text: str) -> str | None:
    """An IPv4 or IPv6 address in its one usual spelling; None where ``text`` is neither."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return None
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
    return str(address)
