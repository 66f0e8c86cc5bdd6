"""The addresses that an operator allows: hosts inside, ports, plain HTTP.

``OUTBOUND_ALLOW`` is a list that commas part, of ``[http://]HOST[:PORT]``. A host is a name, the
names below one (``*.example.com``), an address or a network; without a host (``:8088``) the port
is allowed for any public address. A tenant sets none of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final
from urllib.parse import unquote, urlsplit

from config.errors import SettingsError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

ALLOW: Final = "OUTBOUND_ALLOW"
PROXY: Final = "OUTBOUND_PROXY"
HTTPS_PORT: Final = 443
HTTP_PORT: Final = 80

_ENTRY: Final = re.compile(
    r"(?P<plain>http://|https://)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+(?:/\d{1,3})?\]|[0-9.]+/\d{1,2}|(?:\*\.)?[0-9A-Za-z_.-]+)?"
    r"(?::(?P<port>\d{1,5}))?"
)


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """One entry of ``OUTBOUND_ALLOW``."""

    network: Network | None = None
    name: str = ""
    """A host's name in lower case; one that begins with a dot is of all below it."""
    port: int
    plain: bool = False
    """Whether it is reached by plain HTTP, and by that alone."""

    @property
    def is_for_any_host(self) -> bool:
        return self.network is None and not self.name

    def names(self, host: str) -> bool:
        """Tell whether this is the host, by its name."""
        below = self.name.startswith(".") and host.endswith(self.name)
        return bool(self.name) and (host == self.name or below)

    def holds(self, address: Address) -> bool:
        return self.network is not None and address in self.network


@dataclass(frozen=True)
class Proxy:
    """The proxy that all of it goes through."""

    host: str
    port: int
    credentials: str | None = None
    """``user:password``, where it asks for them."""


def read_allowed(text: str) -> tuple[Allowed, ...]:
    """Read ``OUTBOUND_ALLOW``.

    Raises:
        SettingsError: an entry is none.
    """
    return tuple(_entry(part.strip()) for part in text.split(",") if part.strip())


def read_proxy(text: str) -> Proxy | None:
    """Read ``OUTBOUND_PROXY``, ``http://[user:password@]host:port``.

    Raises:
        SettingsError: it is not such an address.
    """
    if not text:
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port or parts.scheme != "http" or parts.path not in ("", "/"):
        raise SettingsError(f"{PROXY} must be http://host:port, with user:password@ if it asks.")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Proxy(host, port, f"{user}:{password}" if user else None)


def _entry(text: str) -> Allowed:
    found = _ENTRY.fullmatch(text)
    if not found or not (found["host"] or found["port"]):
        raise SettingsError(f"{ALLOW}: {text!r} is not [http://]HOST[:PORT], such as 10.0.0.0/8.")
    plain = found["plain"] == "http://"
    port = int(found["port"] or (HTTP_PORT if plain else HTTPS_PORT))
    if not 0 < port < 65536:
        raise SettingsError(f"{ALLOW}: the port of {text!r} is not between 1 and 65535.")
    host = (found["host"] or "").strip("[]").lower()
    if plain and not host:
        raise SettingsError(f"{ALLOW}: {text!r} names no host, which plain HTTP needs.")
    if ":" not in host and (not host or re.search(r"[a-z_]", host)):
        return Allowed(name=host.removeprefix("*"), port=port, plain=plain)
    try:
        return Allowed(network=ip_network(host), port=port, plain=plain)
    except ValueError as error:
        raise SettingsError(f"{ALLOW}: {host!r} is not a network: {error}.") from None
