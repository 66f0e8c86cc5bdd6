"""Text as PostgreSQL keeps it, and addresses in their one spelling."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

MAPPED = 96
"""The bits of an IPv6 address that say that it is an IPv4 one: ``::ffff:0:0/96``."""

_SURROGATES = re.compile("[\ud800-\udfff]")


def storable(text: str) -> bool:
    """Tell whether PostgreSQL can keep ``text``: neither NUL nor lone surrogates."""
    if "\x00" in text:
        return False
    return text.isascii() or not _SURROGATES.search(text)


def as_storable(text: str) -> str:
    """Replace what PostgreSQL cannot keep of ``text``."""
    if storable(text):
        return text
    return text.encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")


@lru_cache(maxsize=8192)
def normal_address(text: str) -> str | None:
    """Write an IPv4 or IPv6 address in its one usual spelling; None where ``text`` is neither."""
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


class MappedTooWide(ValueError):
    """A network of IPv4 addresses written as IPv6 that holds more than those; says so in words."""


def normal_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Read a network, or an address as a network of one; IPv4 written as IPv6 is IPv4 again.

    Raises:
        MappedTooWide: ``text`` begins with a mapped address and holds others beside such.
        ValueError: it is neither a network nor an address.
    """
    network = ipaddress.ip_network(text, strict=False)
    first = ipaddress.ip_address(text.partition("/")[0])
    if isinstance(first, ipaddress.IPv4Address) or first.ipv4_mapped is None:
        return network
    if network.prefixlen < MAPPED:
        raise MappedTooWide(
            f"“{text[:60]}” holds more than IPv4 addresses: after ::ffff: the length is"
            f" /{MAPPED} to /128. Write an IPv4 network, such as 203.0.113.0/24"
        )
    return ipaddress.ip_network((first.ipv4_mapped, network.prefixlen - MAPPED), strict=False)


def network_text(text: str) -> str:
    """Write a network in its one usual spelling.

    Raises:
        ValueError: it is no network, as ``normal_network`` says; a bare address is none either.
    """
    if "/" not in text:
        raise ValueError(text)
    return str(normal_network(text))
