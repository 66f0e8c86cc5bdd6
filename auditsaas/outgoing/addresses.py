"""Which addresses are not reached from here, whatever Python calls global.

``ipaddress.is_global`` is true for addresses that carry another inside (NAT64, 6to4, Teredo,
IPv4-compatible), which a gateway or the kernel takes out again, and for multicast. So IPv4 is
refused by the registry of special purposes (RFC 6890) and IPv6 unless it is global unicast
(2000::/3, RFC 4291) and in none of the ranges below.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from config.outbound import Address, Network

_RULES: Final[dict[str, str]] = {
    "0.0.0.0/8": "an address of this network",
    "10.0.0.0/8": "a private address",
    "100.64.0.0/10": "an address shared behind a provider",
    "127.0.0.0/8": "a loopback address",
    "169.254.0.0/16": "a link-local address",
    "172.16.0.0/12": "a private address",
    "192.0.0.0/24": "an address for protocols",
    "192.0.2.0/24": "an address for documentation",
    "192.88.99.0/24": "a 6to4 relay",
    "192.168.0.0/16": "a private address",
    "198.18.0.0/15": "an address for measurements",
    "198.51.100.0/24": "an address for documentation",
    "203.0.113.0/24": "an address for documentation",
    "224.0.0.0/4": "a multicast address",
    "240.0.0.0/4": "a reserved address",
    "::/128": "an unspecified address",
    "::1/128": "a loopback address",
    "::/96": "an IPv4-compatible address",
    "::ffff:0:0:0/96": "an IPv4-translated address",
    "64:ff9b::/96": "a NAT64 address",
    "64:ff9b:1::/48": "a NAT64 address",
    "100::/64": "an address whose packets are dropped",
    "2001::/32": "a Teredo address",
    "2001::/23": "an address for protocols",
    "2001:db8::/32": "an address for documentation",
    "2002::/16": "a 6to4 address",
    "3fff::/20": "an address for documentation",
    "5f00::/16": "an address of segment routing",
    "fc00::/7": "a private address",
    "fe80::/10": "a link-local address",
    "fec0::/10": "a site-local address",
    "ff00::/8": "a multicast address",
}
_NETWORKS: Final[tuple[tuple[Network, str], ...]] = tuple(
    (ip_network(text), f"{words} ({text})") for text, words in _RULES.items()
)
_GLOBAL_UNICAST: Final = ip_network("2000::/3")
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})
"""The third quarter of an address that carries an IPv4 address in its last (RFC 5214)."""
_METADATA: Final = frozenset(
    ip_address(text) for text in ("169.254.169.254", "100.100.100.200", "fd00:ec2::254")
)
"""Addresses at which clouds hand out credentials; allowing a network does not open them."""


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address of an IPv4-mapped one, as the kernel connects to it."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def refusal(address: Address) -> str | None:
    """Return the rule by which an address is not reached, in words, or None."""
    address = unwrapped(address)
    for network, words in _NETWORKS:
        if address in network:
            return words
    if isinstance(address, IPv4Address):
        return None if address.is_global else "not a public address"
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return "an ISATAP address"
    if address not in _GLOBAL_UNICAST or not address.is_global:
        return "not a public address (2000::/3)"
    return None


def is_metadata(address: Address) -> bool:
    """Tell whether a cloud gives out credentials there."""
    return unwrapped(address) in _METADATA
