"""Lists of addresses and networks, as people type them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

from auditsaas.errors import Invalid
from auditsaas.text import MappedTooWide, normal_network

MAX_NETWORKS = 50


def parse_networks(text: str) -> list[str]:
    """Read addresses and CIDR networks separated by spaces, commas or lines, in normal form.

    Raises:
        Invalid: one of them is neither, or there are too many.
    """
    words = [word for word in re.split(r"[\s,;]+", text) if word]
    if len(words) > MAX_NETWORKS:
        raise Invalid(f"A key allows up to {MAX_NETWORKS} networks, not {len(words)}.")
    return list(dict.fromkeys(str(_network(word)) for word in words))


def holds(networks: Iterable[str], address: str | None) -> bool:
    """Tell whether one of ``networks`` holds ``address``; an unknown address is in none."""
    if address is None:
        return False
    try:
        place = ip_address(address)
    except ValueError:
        return False
    if place.version == 6 and place.ipv4_mapped:
        place = place.ipv4_mapped
    return any(place in _network(network) for network in networks)


@lru_cache(maxsize=4096)
def _network(word: str) -> IPv4Network | IPv6Network:
    try:
        return normal_network(word)
    except MappedTooWide as error:
        raise Invalid(f"{error}.") from None
    except ValueError:
        raise Invalid(
            f"“{word[:60]}” is no address or network. Write 203.0.113.7 or 203.0.113.0/24."
        ) from None
