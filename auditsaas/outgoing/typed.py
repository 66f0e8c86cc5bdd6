"""Reads an address as a person typed it, in one way that no other reader takes otherwise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from auditsaas.outgoing.errors import AddressRefused
from config.outbound import HTTP_PORT, HTTPS_PORT, Address

LONGEST: Final = 2000

_URL: Final = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z_.-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>(?:/[!$-;=?-Z_a-z~@\[\]]*)?)",
    re.ASCII,
)
_LABEL: Final = re.compile(r"(?!-)[0-9a-z_-]{1,63}(?<!-)")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True)
class TypedAddress:
    """The parts of an address; the host in lower case, IPv6 without brackets."""

    is_plain: bool
    host: str
    port: int
    target: str
    """Path and query."""

    @property
    def literal(self) -> Address | None:
        """The host, where it is an address and not a name."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None

    @property
    def netloc(self) -> str:
        """Return host and port as a ``Host`` header says them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = HTTP_PORT if self.is_plain else HTTPS_PORT
        return host if self.port == usual else f"{host}:{self.port}"


def read(url: str) -> TypedAddress:
    """Return the parts of a typed address.

    Raises:
        AddressRefused: it is none, or could be read in two ways.
    """
    _refuse_oddities(url)
    found = _URL.fullmatch(url)
    if not found:
        raise AddressRefused("The address must be https://, a host, and perhaps a port and path.")
    is_plain = found["scheme"] == "http"
    port = int(found["port"] or (HTTP_PORT if is_plain else HTTPS_PORT))
    if not 0 < port < 65536:
        raise AddressRefused("The port must be between 1 and 65535.")
    return TypedAddress(is_plain, _host(found["host"]), port, found["target"] or "/")


def _refuse_oddities(url: str) -> None:
    """Refuse what deserves words of its own, before the whole is read."""
    if len(url) > LONGEST:
        raise AddressRefused(f"The address must be at most {LONGEST:,} characters long.")
    if not url.isascii():
        raise AddressRefused(
            "The address must be written in ASCII; a name with other letters begins with xn--."
        )
    if not url.isprintable() or re.search(r"[\s\\]", url):
        raise AddressRefused("The address must hold no space, line break or backslash.")
    if "#" in url:
        raise AddressRefused("The address must have no part after #.")
    if "@" in re.sub(r"^[a-z]*://", "", url).partition("/")[0].partition("?")[0]:
        raise AddressRefused("The address must hold no name or password; they have own fields.")


def _host(text: str) -> str:
    host = text.strip("[]").lower()
    labels = host.split(".")
    if text.startswith("[") or _NUMBER.fullmatch(labels[-1]):
        try:
            return str(ip_address(host))
        except ValueError:
            raise AddressRefused("The host is an address that is written unusually.") from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefused("The host is not a name that the domain name system has.")
    return host
