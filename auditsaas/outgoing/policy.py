"""The addresses that this installation speaks to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from auditsaas.outgoing.addresses import is_metadata, refusal, unwrapped
from auditsaas.outgoing.errors import AddressRefused
from auditsaas.outgoing.resolver import Resolver, resolve
from auditsaas.outgoing.typed import TypedAddress, read
from config.outbound import HTTPS_PORT, Address, Allowed, Proxy
from config.settings import Settings


@dataclass(frozen=True)
class Policy:
    """The operator's words: hosts and ports that are allowed besides public ones on 443."""

    allowed: tuple[Allowed, ...] = ()
    proxy: Proxy | None = None
    authorities: Path | None = None
    """A PEM file of authorities that are trusted besides the system's."""
    resolver: Resolver = resolve

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(settings.outbound_allow, settings.outbound_proxy, settings.outbound_ca_file)


@dataclass(frozen=True)
class Checked:
    """An address that may be spoken to, and where its name led when it was checked."""

    typed: TypedAddress
    places: tuple[Address, ...]


def check(policy: Policy, url: str, *, seconds: float = 5) -> Checked:
    """Resolve a typed address once and return it with all that its name led to.

    Raises:
        AddressRefused: a rule forbids it, or any of what its name leads to.
        Unanswered: its name has no address, or none was told in time.
    """
    typed = read(url)
    entries = [one for one in policy.allowed if one.plain == typed.is_plain]
    named = any(one.names(typed.host) and one.port == typed.port for one in entries)
    literal = typed.literal
    places = [literal] if literal else _resolved(policy, typed, seconds)
    for place in places:
        _refuse(typed, place, entries, named=named)
    return Checked(typed, tuple(dict.fromkeys(unwrapped(place) for place in places)))


def _resolved(policy: Policy, typed: TypedAddress, seconds: float) -> list[Address]:
    return [ip_address(text) for text in policy.resolver(typed.host, typed.port, seconds)]


def _refuse(typed: TypedAddress, place: Address, entries: list[Allowed], *, named: bool) -> None:
    """Refuse an address that the host leads to, by the first rule that forbids it."""
    place = unwrapped(place)
    if named or any(_opens(one, place) and one.port == typed.port for one in entries):
        return
    rule = refusal(place)
    if rule and not any(_opens(one, place) for one in entries):
        leads = "is" if typed.literal else "leads to"
        raise AddressRefused(
            f"{typed.host} {leads} {rule}, which is not spoken to unless the operator allows it."
        )
    if typed.is_plain:
        raise AddressRefused("The address must begin with https://.")
    if typed.port not in _ports(entries, rule):
        raise AddressRefused(
            f"Port {typed.port} is not spoken to unless the operator allows it; use {HTTPS_PORT}."
        )


def _opens(entry: Allowed, place: Address) -> bool:
    """Tell whether an entry allows an address; one of credentials only when it stands alone."""
    if not entry.holds(place):
        return False
    alone = entry.network is not None and entry.network.num_addresses == 1
    return alone or not is_metadata(place)


def _ports(entries: Iterable[Allowed], rule: str | None) -> set[int]:
    """Return the ports of public addresses; for one inside, its own entry must name the port."""
    if rule:
        return set()
    return {HTTPS_PORT} | {one.port for one in entries if one.is_for_any_host}
