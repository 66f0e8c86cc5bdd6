"""Events that both middlewares make of a request, without an application."""

from __future__ import annotations

import pytest
from auditsaas_client.addresses import client_address
from auditsaas_client.requests import route_activity, storable

PEER = "198.51.100.9"


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        ("203.0.113.7", 0, PEER),
        ("", 1, PEER),
        ("203.0.113.7", 1, "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7", 1, "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7, 10.0.0.1", 2, "203.0.113.7"),
        ("203.0.113.7", 2, PEER),
        ("203.0.113.7:5123", 1, "203.0.113.7"),
        ('"[2001:db8::7]:5123"', 1, "2001:db8::7"),
        ("2001:db8::7", 1, "2001:db8::7"),
        ("fe80::1%eth0", 1, "fe80::1"),
        (", ,203.0.113.7,", 1, "203.0.113.7"),
        ("unknown", 1, None),
        ("6.6.6.6, <script>", 1, None),
    ],
)
def test_client_address_is_counted_from_the_right(
    forwarded: str, proxies: int, address: str | None
) -> None:
    assert client_address(PEER, forwarded, proxies) == address


@pytest.mark.parametrize("peer", [None, "", "unix:"])
def test_connection_without_an_address_gives_no_ip(peer: str | None) -> None:
    assert client_address(peer, "", 0) is None


@pytest.mark.parametrize(
    ("method", "route", "activity"),
    [
        ("GET", "/invoices/<int:number>", "invoices.get"),
        ("DELETE", "/api/v1/invoices/{number}/lines/{line}", "invoices.lines.delete"),
        ("POST", "^accounts/(?P<pk>[0-9]+)/reset-password$", "accounts.reset-password.post"),
        ("GET", "/", "http.get"),
        ("GET", None, "http.get"),
        ("GET", "/api/v2", "http.get"),
        ("GET", "/" + "x" * 300, "x" * 124 + ".get"),
        ("\x00\n", "/a b\x07", "ab.request"),
    ],
)
def test_an_activity_is_the_fixed_words_of_the_route_and_the_method(
    method: str, route: str | None, activity: str
) -> None:
    assert route_activity(method, route) == activity


def test_text_is_cut_and_made_storable() -> None:
    assert storable("a\x00b\ud800cde", 5) == "a�b�c"
