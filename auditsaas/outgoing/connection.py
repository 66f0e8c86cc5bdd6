"""Opens a connection to a checked address, and has TLS verify the name that was typed."""

from __future__ import annotations

import base64
import ssl
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path
from typing import Final

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from auditsaas.outgoing import failures
from auditsaas.outgoing.deadline import Deadline
from auditsaas.outgoing.errors import Unanswered
from auditsaas.outgoing.policy import Checked, Policy
from auditsaas.outgoing.typed import TypedAddress
from config.outbound import Address, Proxy

PLACES: Final = 3
"""Addresses of a name that are tried, one after the other."""


def connect(
    policy: Policy, checked: Checked, connect_seconds: float, deadline: Deadline
) -> HTTPConnection:
    """Return a connection to the first of the checked addresses that takes one.

    Raises:
        Unanswered: none does, or its certificate is not taken.
    """
    typed = checked.typed
    for place in checked.places[:PLACES]:
        seconds = min(connect_seconds, deadline.left / 2)  # as long again for TLS
        if seconds <= 0:
            break
        connection = _connection(policy, typed, place, seconds)
        try:
            connection.connect()
        except (NewConnectionError, ConnectTimeoutError):
            connection.close()
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            connection.close()
            raise Unanswered(failures.sentence(typed, error, deadline)) from error
        else:
            return connection
    raise Unanswered(f"{_first_hop(policy, typed)} could not be reached.")


def _connection(
    policy: Policy, typed: TypedAddress, place: Address, seconds: float
) -> HTTPConnection:
    proxy = policy.proxy
    host, port = (proxy.host, proxy.port) if proxy else (str(place), typed.port)
    if typed.is_plain:
        connection = HTTPConnection(host, port, timeout=seconds)
    else:
        connection = HTTPSConnection(
            host,
            port,
            timeout=seconds,
            ssl_context=_trust(policy.authorities),
            server_hostname=typed.host,  # verified by OpenSSL, and sent as SNI
        )
    if proxy:
        at = f"[{place}]" if place.version == 6 else str(place)
        connection.set_tunnel(at, typed.port, headers=_proxy_headers(proxy))
    return connection


def _proxy_headers(proxy: Proxy) -> dict[str, str]:
    if not proxy.credentials:
        return {}
    sent = base64.b64encode(proxy.credentials.encode()).decode()
    return {"Proxy-Authorization": f"Basic {sent}"}


@lru_cache(maxsize=4)
def _trust(authorities: Path | None) -> ssl.SSLContext:
    """Return what verifies certificates: the system's authorities, and the operator's own."""
    context = ssl.create_default_context()
    if authorities:
        context.load_verify_locations(cafile=str(authorities))
    return context


def _first_hop(policy: Policy, typed: TypedAddress) -> str:
    return "The proxy of this installation" if policy.proxy else typed.netloc
