"""Whose address a request came from, when proxies stand in between."""

from __future__ import annotations

import ipaddress


def client_address(peer: str | None, forwarded: str, trusted_proxies: int) -> str | None:
    """Return the address that the outermost trusted proxy saw; None if it is not an address.

    Each proxy adds, on the right of ``X-Forwarded-For``, the address it was called from; what
    stands further left came with the request and may be invented. So with N trusted proxies the
    client is the N-th from the right. A request with fewer entries did not pass them all: then it
    is whoever opened the connection.
    """
    hops = [hop for hop in forwarded.split(",") if hop.strip()]
    if 0 < trusted_proxies <= len(hops):
        return _address(hops[-trusted_proxies])
    return _address(peer or "")


def _address(text: str) -> str | None:
    """Normalise an address for the log, from `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None
