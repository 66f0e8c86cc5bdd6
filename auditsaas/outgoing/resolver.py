"""Asks the system which addresses a name has, for a limited time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence

from auditsaas.outgoing.errors import Unanswered

Resolver = Callable[[str, int, float], Sequence[str]]
"""From a name, a port and a time in seconds to addresses; at least one, else ``Unanswered``."""


def resolve(host: str, port: int, seconds: float) -> list[str]:
    """Return every address that ``getaddrinfo`` tells, in its order.

    It takes no time limit of its own, so a thread waits for it, which is left behind when it takes
    longer.

    Raises:
        Unanswered: the name has no address, or none was told in time.
    """
    found: list[list[str]] = []
    asking = threading.Thread(
        target=lambda: found.append(_addresses(host, port)), name="resolve", daemon=True
    )
    asking.start()
    asking.join(seconds)
    if not found:
        raise Unanswered(f"The addresses of {host} were not told in time.")
    if not found[0]:
        raise Unanswered(f"{host} has no address.")
    return found[0]


def _addresses(host: str, port: int) -> list[str]:
    try:
        told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(place[0]).partition("%")[0] for *_, place in told]
