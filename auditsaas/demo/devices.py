"""Devices of the demo's people and services: documentation addresses and user agents."""

from __future__ import annotations

from random import Random

from auditsaas.demo.people import WORKSPACES, Person

Device = tuple[str, str]

_KIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/27.0"
_WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
_DESKTOPS = (
    f"{_WINDOWS} {_KIT} Chrome/156.0.0.0 Safari/537.36",
    f"{_WINDOWS} {_KIT} Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_KIT} Chrome/156.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_SAFARI} Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:153.0) Gecko/20100101 Firefox/153.0",
    f"{_WINDOWS} {_KIT} Chrome/155.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (X11; CrOS x86_64 16500.9.0) {_KIT} Chrome/156.0.0.0 Safari/537.36",
)
_PHONES = (
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) {_SAFARI} Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 (Linux; Android 10; K) {_KIT} Chrome/156.0.0.0 Mobile Safari/537.36",
)
_CLIENTS = ("python-httpx/0.28.1", "Go-http-client/2.0", "curl/8.17.0")

ATTACKERS: tuple[Device, ...] = (
    ("203.0.113.66", "python-requests/2.32.5"),
    ("2001:db8:bad::66", "Go-http-client/1.1"),
)


def devices_of(person: Person, number: int, random: Random) -> tuple[Device, ...]:
    """Return the devices of the ``number``-th person, each as often as it is used."""
    place = [workspace.slug for workspace in WORKSPACES].index(person.workspace)
    if person.role == "service":
        return ((f"10.{20 + place}.0.{number + 1}", _CLIENTS[number % len(_CLIENTS)]),)
    desktop = _DESKTOPS[number % len(_DESKTOPS)]
    office = ("192.0.2", "203.0.113", "198.51.100")[place]
    home = (
        f"2001:db8:{place + 1:x}::{number + 16:x}"
        if random.random() < 0.4
        else f"198.51.100.{number + 100}"
    )
    phone = _PHONES[number % len(_PHONES)]
    return (
        *[(f"{office}.{10 + number // 2}", desktop)] * 6,
        *[(home, desktop)] * 2,
        *[(home, phone)] * (number % 2 + 1),
    )
