"""What the operator allows besides public addresses on port 443."""

from __future__ import annotations

import pytest

from auditsaas.outgoing.errors import AddressRefused
from auditsaas.outgoing.policy import Policy, check
from config.errors import SettingsError
from config.outbound import Proxy, read_allowed, read_proxy


def allowing(text: str, *places: str) -> Policy:
    return Policy(allowed=read_allowed(text), resolver=lambda *_: places or ["10.1.2.3"])


@pytest.mark.parametrize(
    ("allow", "url"),
    [
        ("siem.example", "https://siem.example/"),
        ("SIEM.example", "https://Siem.Example/"),
        ("https://siem.example", "https://siem.example/"),
        ("siem.example:8088", "https://siem.example:8088/"),
        ("*.example", "https://deep.siem.example/"),
        ("10.0.0.0/8", "https://siem.example/"),
        ("10.0.0.0/8", "https://10.9.8.7/"),
        ("10.1.2.3:8088", "https://siem.example:8088/"),
        ("http://siem.example", "http://siem.example/"),
        ("http://10.0.0.0/8:8088", "http://10.1.2.3:8088/"),
        ("other.example, siem.example", "https://siem.example/"),
    ],
)
def test_allowed_host_inside_is_spoken_to(allow: str, url: str) -> None:
    assert check(allowing(allow), url).places


@pytest.mark.parametrize(
    ("allow", "url"),
    [
        ("siem.example", "https://other.example/"),
        ("siem.example", "https://siem.example:8088/"),
        ("siem.example", "https://a.siem.example/"),
        ("siem.example", "http://siem.example/"),
        ("siem.example:8088", "https://siem.example/"),
        ("*.example", "https://example/"),
        ("*.siem.example", "https://evilsiem.example/"),
        ("10.2.0.0/16", "https://siem.example/"),
        ("10.0.0.0/8", "https://siem.example:22/"),
        ("10.0.0.0/8:8088", "https://siem.example/"),
        (":8088", "https://siem.example:8088/"),
        ("http://siem.example", "https://siem.example/"),
    ],
)
def test_what_no_entry_names_is_refused(allow: str, url: str) -> None:
    with pytest.raises(AddressRefused):
        check(allowing(allow), url)


def test_port_alone_is_for_public_addresses() -> None:
    assert check(allowing(":8088", "8.8.8.8"), "https://siem.example:8088/").places
    with pytest.raises(AddressRefused, match="Port 8089"):
        check(allowing(":8088", "8.8.8.8"), "https://siem.example:8089/")


def test_allowed_network_opens_no_other_address_of_the_name() -> None:
    with pytest.raises(AddressRefused, match="loopback"):
        check(allowing("10.0.0.0/8", "10.1.2.3", "127.0.0.1"), "https://siem.example/")


@pytest.mark.parametrize("allow", ["169.254.0.0/16", "0.0.0.0/0"])
def test_network_does_not_open_the_credentials_of_a_cloud(allow: str) -> None:
    with pytest.raises(AddressRefused, match="link-local"):
        check(allowing(allow), "https://169.254.169.254/")
    assert check(allowing("169.254.169.254"), "https://169.254.169.254/").places


def test_allowed_ipv6_network_holds_its_addresses() -> None:
    policy = allowing("[fd00::/8],[fd01::1]:8088")
    assert check(policy, "https://[fd00::7]/").places
    assert check(policy, "https://[fd01::1]:8088/").places
    with pytest.raises(AddressRefused):
        check(policy, "https://[fd01::2]:8088/")


@pytest.mark.parametrize(
    "text",
    ["10.0.0.0/33", "10.0.0.1/8", "siem example", "http://:80", "a:0", "a:70000", "300.1.1.1",
     "ftp://a", "https://", "*", "[zz::]", "a/b"],
)  # fmt: skip
def test_entry_that_is_none_stops_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^OUTBOUND_ALLOW"):
        read_allowed(text)


def test_proxy_is_read_with_its_credentials() -> None:
    assert read_proxy("http://proxy:3128") == Proxy("proxy", 3128)
    assert read_proxy("http://me:s%3A1@proxy:3128/") == Proxy("proxy", 3128, "me:s:1")
    assert read_proxy("") is None


@pytest.mark.parametrize(
    "text", ["proxy:3128", "https://proxy:3128", "http://proxy", "http://proxy:x", "http://p:1/a"]
)
def test_proxy_that_is_none_stops_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^OUTBOUND_PROXY"):
        read_proxy(text)
