"""Requests to real servers on loopback: names, certificates, times, sizes, names that move."""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from socket import socket
from time import monotonic

import pytest

from auditsaas.outgoing.errors import AddressRefused, Unanswered
from auditsaas.outgoing.policy import Policy, check
from auditsaas.outgoing.request import LIMITS, Answer, Limits, Outgoing, send
from config.outbound import Proxy, read_allowed
from tests.support.certificates import Authority, server_side, write_certificate
from tests.support.receivers import OK, Receiver, Script, answering, naming, receiving

SHORT = Limits(all_seconds=1)
LOOPBACK = "127.0.0.1,127.0.0.2,siem.example"


class Peers:
    """Receivers of a test, and the policy by which they may be spoken to."""

    def __init__(self, authority: Authority, stack: ExitStack) -> None:
        self.authority = authority
        self._stack = stack

    def serve(self, script: Script, tls: ssl.SSLContext | None = None) -> Receiver:
        usual = self.authority.certify("siem.example", "127.0.0.1")
        return self._stack.enter_context(receiving(script, tls or usual))

    def plain(self, script: Script) -> Receiver:
        return self._stack.enter_context(receiving(script))

    def policy(self, receiver: Receiver, proxy: Proxy | None = None) -> Policy:
        entries = ",".join(f"{host}:{receiver.port}" for host in LOOPBACK.split(","))
        return Policy(
            allowed=read_allowed(f"{entries},http://127.0.0.1:{receiver.port}"),
            proxy=proxy,
            authorities=self.authority.file,
            resolver=lambda *_: ["127.0.0.1"],
        )

    def send(self, receiver: Receiver, limits: Limits = LIMITS, **given: str) -> Answer:
        url = given.pop("url", f"https://siem.example:{receiver.port}/in?a=1")
        return send(self.policy(receiver), Outgoing(url=url, body=b"hello"), limits)

    def outcome(self, receiver: Receiver) -> str:
        """Return why there was no answer in a second, once the request was sent."""
        with pytest.raises(Unanswered) as failed:
            self.send(receiver, SHORT)
        assert failed.value.sent
        return str(failed.value)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def peers(authority: Authority) -> Iterator[Peers]:
    with ExitStack() as stack:
        yield Peers(authority, stack)


def test_request_arrives_under_the_name_that_was_typed(peers: Peers) -> None:
    receiver = peers.serve(answering())
    answer = peers.send(receiver)
    assert (answer.status, answer.body, answer.is_whole) == (200, b"ok", True)
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /in?a=1 HTTP/1.1\r\n")
    assert f"Host: siem.example:{receiver.port}".encode() in head.split(b"\r\n")
    assert body == b"hello"


def test_certificate_of_an_address_is_verified_by_the_address(peers: Peers) -> None:
    receiver = peers.serve(answering())
    assert peers.send(receiver, url=f"https://127.0.0.1:{receiver.port}/").status == 200
    named = peers.serve(answering(), peers.authority.certify("siem.example"))
    with pytest.raises(Unanswered, match="another address"):
        peers.send(named, url=f"https://127.0.0.1:{named.port}/")


@pytest.mark.parametrize(
    ("names", "days", "words"),
    [
        (["other.example"], (-1, 1), "for another name"),
        (["siem.example"], (-3, -1), "has expired"),
        (["siem.example"], (1, 3), "not yet valid"),
        (["*.siem.example"], (-1, 1), "for another name"),
    ],
)
def test_wrong_certificate_gets_no_request(
    peers: Peers, names: list[str], days: tuple[int, int], words: str
) -> None:
    receiver = peers.serve(answering(), peers.authority.certify(*names, days=days))
    with pytest.raises(Unanswered, match=words) as failed:
        peers.send(receiver)
    assert (receiver.requests, failed.value.sent) == ([], False)


def test_certificate_of_an_unknown_authority_gets_no_request(peers: Peers, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger").certify("siem.example")
    receiver = peers.serve(answering(), stranger)
    with pytest.raises(Unanswered, match="authority that is not trusted"):
        peers.send(receiver)
    write_certificate(tmp_path / "own.pem")
    own = peers.serve(answering(), server_side(tmp_path / "own.pem"))
    with pytest.raises(Unanswered, match="signed itself"):
        peers.send(own, url=f"https://127.0.0.1:{own.port}/")
    assert receiver.requests == own.requests == []


def test_server_without_tls_gets_no_request(peers: Peers) -> None:
    receiver = peers.plain(lambda connection, _: connection.sendall(OK))
    with pytest.raises(Unanswered, match="does not speak TLS"):
        peers.send(receiver)


def test_redirect_is_an_answer_and_is_not_followed(peers: Peers) -> None:
    secret = peers.plain(answering())
    moved = f"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:{secret.port}/\r\n\r\n".encode()
    receiver = peers.serve(answering(moved))
    assert peers.send(receiver).status == 307
    assert secret.connections == []
    with urllib.request.urlopen(_redirecting(peers, secret)) as followed:  # noqa: S310
        assert followed.status == 200  # the control: a client that follows reaches it
    assert len(secret.connections) == 1


def _redirecting(peers: Peers, to: Receiver) -> str:
    moved = f"HTTP/1.1 302 Moved\r\nLocation: http://127.0.0.1:{to.port}/\r\n\r\n".encode()
    return f"http://127.0.0.1:{peers.plain(answering(moved)).port}/"


def flood(connection: socket, receiver: Receiver) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n")
    while not receiver.over.is_set():
        connection.sendall(b"0" * 65536)


def test_answer_of_gigabytes_is_read_up_to_its_limit(peers: Peers) -> None:
    answer = peers.send(peers.serve(flood), Limits(all_seconds=10))
    assert (answer.status, len(answer.body), answer.is_whole) == (200, 65536, False)


def test_answer_of_just_the_limit_is_whole(peers: Peers) -> None:
    packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 65536\r\n\r\n"
    answer = peers.send(peers.serve(answering(packed + b"0" * 65536)))
    assert (len(answer.body), answer.is_whole) == (65536, True)  # and nothing was unpacked


def dripping(start: bytes, drop: bytes) -> Script:
    def script(connection: socket, receiver: Receiver) -> None:
        connection.sendall(start)
        while not receiver.over.wait(0.02):
            connection.sendall(drop)

    return script


DRIPS = [
    (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a"),
    (b"HTTP/1.1 200 OK\r\n", b"X-Many: a\r\n"),
    (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"a"),
    (b"HTTP/1.1 200 OK\r\n\r\n", b"a"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
]
"""How an answer begins, and what then comes now and then."""


def test_dripping_server_is_left_when_the_time_is_over(peers: Peers) -> None:
    receivers = [peers.serve(dripping(start, drop)) for start, drop in DRIPS]
    begun = monotonic()
    with ThreadPoolExecutor(len(DRIPS)) as pool:
        outcomes = list(pool.map(peers.outcome, receivers))
    assert monotonic() - begun < 10
    assert [words for words in outcomes if "in time" not in words] == []


def wait(_: socket, receiver: Receiver) -> None:
    receiver.over.wait()


def test_silent_server_is_left_when_the_time_is_over(peers: Peers) -> None:
    for receiver in (peers.serve(wait), peers.plain(wait)):
        with pytest.raises(Unanswered, match="in time"):
            peers.send(receiver, SHORT)


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 20", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
)  # fmt: skip
def test_broken_answer_is_unanswered_without_its_words(peers: Peers, answer: bytes) -> None:
    with pytest.raises(Unanswered, match="did not answer as HTTP has it") as failed:
        peers.send(peers.serve(answering(answer)))
    assert "OpenSSH" not in str(failed.value)


def test_closed_port_is_unanswered(peers: Peers) -> None:
    with receiving(answering()) as receiver:
        policy = peers.policy(receiver)
    with pytest.raises(Unanswered, match="could not be reached") as failed:
        send(policy, Outgoing(url=receiver.url))
    assert not failed.value.sent


def test_second_address_is_tried_when_the_first_takes_none(peers: Peers) -> None:
    receiver = peers.serve(answering())
    policy = peers.policy(receiver)
    both = Policy(policy.allowed, None, policy.authorities, lambda *_: ["127.0.0.2", "127.0.0.1"])
    assert send(both, Outgoing(url=f"https://siem.example:{receiver.port}/")).status == 200


@pytest.mark.parametrize("text", ["a\r\nX-Other: b", "a\nb", "a\0", "schlüssel"])
def test_header_that_would_begin_another_is_refused(peers: Peers, text: str) -> None:
    receiver = peers.serve(answering())
    outgoing = Outgoing(url=receiver.url, headers={"Authorization": text})
    with pytest.raises(AddressRefused, match="'Authorization'"):
        send(peers.policy(receiver), outgoing)
    assert receiver.connections == []


def test_environment_names_no_proxy(peers: Peers, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = peers.plain(answering())
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    assert peers.send(peers.serve(answering())).status == 200
    assert proxy.connections == []


def test_proxy_of_the_operator_leads_to_the_checked_address(peers: Peers) -> None:
    receiver = peers.serve(answering())
    proxy = peers.plain(answering(b"HTTP/1.1 403 Forbidden\r\n\r\n"))
    policy = peers.policy(receiver, Proxy("127.0.0.1", proxy.port, "me:secret"))
    with pytest.raises(Unanswered, match=r"^The proxy of this installation does not lead to siem"):
        send(policy, Outgoing(url=f"https://siem.example:{receiver.port}/"))
    asked = proxy.requests[0]
    assert asked.startswith(f"CONNECT 127.0.0.1:{receiver.port} ".encode())
    assert b"Proxy-Authorization: Basic bWU6c2VjcmV0" in asked


def test_plain_http_is_spoken_where_the_operator_says_so(peers: Peers) -> None:
    receiver = peers.plain(answering())
    assert peers.send(receiver, url=f"http://127.0.0.1:{receiver.port}/").status == 200
    https_alone = Policy(allowed=read_allowed(f"127.0.0.1:{receiver.port}"))
    with pytest.raises(AddressRefused):
        send(https_alone, Outgoing(url=f"http://127.0.0.1:{receiver.port}/"))


def test_name_that_moves_after_it_was_saved_is_refused(peers: Peers) -> None:
    secret = peers.serve(answering())
    with naming(["8.8.8.8"], ["127.0.0.1"]) as names:
        policy = Policy(authorities=peers.authority.file, resolver=names.resolve)
        assert check(policy, "https://siem.example/").places
        with pytest.raises(AddressRefused, match="loopback"):
            send(policy, Outgoing(url="https://siem.example/"))
        assert names.asked == ["siem.example", "siem.example"]
    assert secret.connections == []


def test_name_is_asked_once_and_the_checked_address_connected_to(peers: Peers) -> None:
    """The name leads to the secret the second time it is asked, and never is."""
    tls = peers.authority.certify("siem.example")
    with receiving(answering(), tls) as secret, receiving(
        answering(), tls, "127.0.0.2", secret.port
    ) as receiver, naming(["127.0.0.2"], ["127.0.0.1"]) as names:  # fmt: skip
        allowed = read_allowed(f"127.0.0.2:{receiver.port}")
        policy = Policy(allowed, None, peers.authority.file, names.resolve)
        url = f"https://siem.example:{receiver.port}/"
        assert send(policy, Outgoing(url=url)).status == 200
        assert (len(receiver.requests), secret.connections) == (1, [])
        assert len(names.asked) == 1
        with pytest.raises(AddressRefused, match="loopback"):
            send(policy, Outgoing(url=url))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1"]
)
def test_plain_client_reaches_what_is_refused_here(peers: Peers, host: str) -> None:
    """The control: the service inside answers to each of these names of it."""
    inside = peers.plain(answering())
    url = f"http://{host}:{inside.port}/"
    with pytest.raises((AddressRefused, Unanswered)):
        send(Policy(), Outgoing(url=url))
    assert inside.connections == []
    with urllib.request.urlopen(url) as answer:
        assert answer.status == 200
