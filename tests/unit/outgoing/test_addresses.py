"""Which addresses are not reached from here, and how a typed one is read."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

import pytest

from auditsaas.outgoing.addresses import refusal
from auditsaas.outgoing.errors import AddressRefused, Unanswered
from auditsaas.outgoing.policy import Policy, check
from auditsaas.outgoing.typed import read

FORTY = {
    "0.0.0.0": "this network",  # noqa: S104
    "10.0.0.1": "private",
    "100.64.0.1": "shared",
    "100.100.100.200": "shared",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "169.254.169.254": "link-local",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.8": "protocols",
    "192.0.2.1": "documentation",
    "192.88.99.1": "6to4",
    "192.168.1.1": "private",
    "198.18.0.1": "measurements",
    "198.51.100.7": "documentation",
    "203.0.113.9": "documentation",
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "reserved",
    "[::]": "unspecified",
    "[::1]": "loopback",
    "[::7f00:1]": "IPv4-compatible",
    "[::ffff:127.0.0.1]": "loopback",
    "[::ffff:a9fe:a9fe]": "link-local",
    "[::ffff:0:7f00:1]": "IPv4-translated",
    "[64:ff9b::169.254.169.254]": "NAT64",
    "[64:ff9b::7f00:1]": "NAT64",
    "[64:ff9b:1::1]": "NAT64",
    "[100::1]": "dropped",
    "[2001::1]": "Teredo",
    "[2001:0:7f00:1::]": "Teredo",
    "[2001:20::1]": "protocols",
    "[2001:db8::1]": "documentation",
    "[2002:7f00:1::]": "6to4",
    "[2002:a9fe:a9fe::1]": "6to4",
    "[2606:4700::5efe:7f00:1]": "ISATAP",
    "[3fff::1]": "documentation",
    "[5f00::1]": "segment routing",
    "[fc00::1]": "private",
    "[fd00:ec2::254]": "private",
    "[fe80::1]": "link-local",
    "[fec0::1]": "site-local",
    "[ff02::1]": "multicast",
    "[4000::1]": "not a public",
    "[e000::1]": "not a public",
}
CALLED_GLOBAL = ("64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1", "2606:4700::5efe:7f00:1")
PUBLIC = ("8.8.8.8", "1.1.1.1", "192.0.1.1", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e")


@pytest.mark.parametrize("host", FORTY)
def test_address_inside_is_refused_by_the_name_of_its_rule(host: str) -> None:
    with pytest.raises(AddressRefused, match=FORTY[host]):
        check(Policy(), f"https://{host}/")


@pytest.mark.parametrize("text", CALLED_GLOBAL)
def test_python_calls_global_what_is_refused_here(text: str) -> None:
    """The control: ``is_global`` alone would let them pass."""
    assert ip_address(text).is_global
    assert refusal(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_public_address_is_spoken_to(text: str) -> None:
    host = f"[{text}]" if ":" in text else text
    assert check(Policy(), f"https://{host}/").places == (ip_address(text),)


@pytest.mark.parametrize(
    "name", ["localhost", "metadata.example", "xn--lcalhost-n1a.example", "a.b.c.example"]
)
@pytest.mark.parametrize("place", ["127.0.0.1", "10.1.2.3", "::1", "64:ff9b::a00:1"])
def test_name_is_refused_when_any_of_its_addresses_is_inside(name: str, place: str) -> None:
    policy = Policy(resolver=lambda *_: ["8.8.8.8", place, "1.1.1.1"])
    with pytest.raises(AddressRefused, match="leads to"):
        check(policy, f"https://{name}/")


def test_refusal_does_not_tell_where_a_name_leads() -> None:
    with pytest.raises(AddressRefused) as refused:
        check(Policy(resolver=lambda *_: ["10.20.30.40"]), "https://siem.example/")
    assert "10.20.30.40" not in str(refused.value)
    assert "10.0.0.0/8" in str(refused.value)


def test_mapped_address_is_connected_to_as_it_is() -> None:
    policy = Policy(resolver=lambda *_: ["::ffff:8.8.8.8", "8.8.8.8"])
    assert check(policy, "https://siem.example/").places == (ip_address("8.8.8.8"),)
    assert IPv6Address("::ffff:8.8.8.8").ipv4_mapped == ip_address("8.8.8.8")


def test_name_without_an_address_is_unanswered() -> None:
    with pytest.raises(Unanswered, match="has no address"):
        check(Policy(), "https://nothing.invalid/")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://siem.example/", "https://"),
        ("ftp://siem.example/", "must be https://"),
        ("siem.example", "must be https://"),
        ("https://", "must be https://"),
        ("https:///path", "must be https://"),
        ("//siem.example/", "must be https://"),
        ("https://user@siem.example/", "no name or password"),
        ("https://user:secret@siem.example/", "no name or password"),
        ("https://siem.example@127.0.0.1/", "no name or password"),
        ("https://siem.example\\@127.0.0.1/", "backslash"),
        ("https://siem.example/a b", "space"),
        ("https://siem.example/\r\nHost: other", "line break"),
        ("https://siem.example/#part", "after #"),
        ("https://127.0.0.1:80#@siem.example/", "after #"),
        ("https://ⓛocalhost/", "ASCII"),
        ("https://１２７.0.0.1/", "ASCII"),
        ("https://bücher.example/", "xn--"),
        ("https://siem.example:0/", "between 1 and 65535"),
        ("https://siem.example:65536/", "between 1 and 65535"),
        ("https://siem.example:8443/", "Port 8443"),
        ("https://siem.example:22/", "Port 22"),
        ("https://2130706433/", "unusually"),
        ("https://0x7f000001/", "unusually"),
        ("https://0x7f.1/", "unusually"),
        ("https://017700000001/", "unusually"),
        ("https://0177.0.0.1/", "unusually"),
        ("https://127.1/", "unusually"),
        ("https://127.0.0.1./", "not a name"),
        ("https://siem.example./", "not a name"),
        ("https://siem..example/", "not a name"),
        ("https://-siem.example/", "not a name"),
        ("https://[fe80::1%25eth0]/", "must be https://"),
        ("https://[::1/", "must be https://"),
        ("https://siem.example%2f@10.0.0.1/", "no name or password"),
        ("https://siem.example%00/", "must be https://"),
        (f"https://{'a' * 64}.example/", "not a name"),
        ("https://siem.example/" + "a" * 2000, "2,000 characters"),
    ],
)
def test_odd_address_is_refused_in_words(url: str, words: str) -> None:
    with pytest.raises(AddressRefused, match=words):
        check(Policy(resolver=lambda *_: ["8.8.8.8"]), url)


def test_typed_address_is_read_in_parts() -> None:
    typed = read("https://SIEM.Example:8443/in?a=1&b=%20")
    assert (typed.host, typed.port, typed.target) == ("siem.example", 8443, "/in?a=1&b=%20")
    assert (typed.netloc, read("https://[2606::1]").netloc) == ("siem.example:8443", "[2606::1]")
