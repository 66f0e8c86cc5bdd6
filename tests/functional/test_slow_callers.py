"""Callers who send next to nothing: what they cost others, and when they are cut off."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from flask import Flask

from auditsaas.accounts.models import User
from auditsaas.permissions import ApiScope, Role
from auditsaas.workspaces.api_keys import _checksum
from auditsaas.workspaces.models import Workspace
from tests.support.factories import make_api_key, make_member, make_user, sign_in
from tests.support.raw_http import CHUNKED, EVENT, head, sent
from tests.support.serving import WebProcess

THREADS = 16
NO_KEY = f"aud_{'x' * 12}_{'y' * 32}"
FORM = "Content-Type: application/x-www-form-urlencoded"
FILE = "Content-Type: multipart/form-data; boundary=x"


def request(path: str, *lines: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode()


def upload(workspace: str, *lines: str, length: int = 400_000) -> bytes:
    return (
        request(f"/w/{workspace}/imports/new", FILE, f"Content-Length: {length}", *lines) + b"--x"
    )


@contextmanager
def callers(web: WebProcess, said: bytes, count: int = 3 * THREADS) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(count):
            caller = stack.enter_context(socket.create_connection(web.address))
            caller.sendall(said)
        yield


def answer(web: WebProcess, said: bytes, seconds: float = 3) -> bytes:
    """How the answer begins to a caller who says so much, and goes on listening."""
    with socket.create_connection(web.address, seconds) as caller:
        caller.sendall(said)
        try:
            return caller.recv(4096)
        except TimeoutError:
            return b"no answer"


def cookie_of(app: Flask, user: User) -> str:
    return f"Cookie: session={sign_in(app.test_client(), user)}"


def page(web: WebProcess) -> bytes:
    return answer(web, b"GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n")[:15]


@pytest.mark.parametrize(
    "said",
    [
        b"GET /login HTTP/1.1\r\nHost: localhost\r\nX-A: ",
        b"\r\n\r\n",
        request("/login", FORM, "Content-Length: 1000") + b"a",
        upload("anything"),
        request("/login", "Expect: 100-continue", FORM, "Content-Length: 1000"),
    ],
    ids=["half a head", "blank lines", "half a form", "half an upload", "a form that waits"],
)
def test_a_page_is_answered_whatever_signed_out_callers_leave_open(
    web: WebProcess, said: bytes
) -> None:
    with callers(web, said):
        began = time.monotonic()
        assert page(web) == b"HTTP/1.1 200 OK"
        assert time.monotonic() - began < 1


@pytest.mark.parametrize("framing", ["Content-Length: 1000", CHUNKED])
def test_a_page_is_answered_while_senders_with_a_key_are_slow(
    web: WebProcess, key: str, framing: str
) -> None:
    with callers(web, head(key, framing) + b"3\r\n{"):
        began = time.monotonic()
        assert page(web) == b"HTTP/1.1 200 OK"
        assert sent(web, head(key, f"Content-Length: {len(EVENT)}") + EVENT)[0] == 201
        assert time.monotonic() - began < 2


def test_a_body_in_two_pieces_is_stored_once(web: WebProcess, acme: Workspace, key: str) -> None:
    with socket.create_connection(web.address, 5) as caller:
        caller.sendall(head(key, f"Content-Length: {len(EVENT)}") + EVENT[:5])
        assert page(web) == b"HTTP/1.1 200 OK"  # meanwhile
        caller.settimeout(0.2)
        with pytest.raises(TimeoutError):
            caller.recv(1)
        caller.settimeout(5)
        caller.sendall(EVENT[5:])
        assert caller.recv(64).startswith(b"HTTP/1.1 201")


@pytest.mark.parametrize("lines", [("Content-Length: 1000",), (CHUNKED,)])
def test_a_made_up_key_is_refused_before_its_body(web: WebProcess, lines: tuple[str, ...]) -> None:
    said = answer(web, head(NO_KEY + _checksum(NO_KEY), *lines) + b"1", 1)
    assert said.startswith(b"HTTP/1.1 401")


def test_a_key_without_the_scope_is_refused_before_its_body(
    web: WebProcess, acme: Workspace
) -> None:
    read_key = make_api_key(acme, [ApiScope.EVENTS_READ])
    said = answer(web, head(read_key, "Content-Length: 1000") + b"{", 1)
    assert said.startswith(b"HTTP/1.1 403")


def test_a_signed_out_upload_is_led_to_the_sign_in_before_its_body(web: WebProcess) -> None:
    for workspace in ("anything", "acme"):
        said = answer(web, upload(workspace), 1)
        assert said.startswith(b"HTTP/1.1 302")
        assert b"Location: /login" in said
        assert b"Connection: close" in said


def test_a_member_without_the_right_is_refused_before_the_body(
    app: Flask, web: WebProcess, workspace: Workspace
) -> None:
    cookie = cookie_of(app, make_member(workspace, Role.AUDITOR))
    assert answer(web, upload(workspace.slug, cookie), 2).startswith(b"HTTP/1.1 403")
    form = request(f"/w/{workspace.slug}/members/invite", cookie, FORM, "Content-Length: 90")
    assert answer(web, form + b"a", 2).startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize("exists", [True, False])
def test_a_stranger_is_refused_before_the_body(
    app: Flask, web: WebProcess, workspace: Workspace, exists: bool
) -> None:
    slug = workspace.slug if exists else "no-such-place"
    assert answer(web, upload(slug, cookie_of(app, make_user())), 2).startswith(b"HTTP/1.1 404")


def test_an_upload_without_its_token_is_refused_at_its_first_file(
    app: Flask, web: WebProcess, workspace: Workspace, admin: User
) -> None:
    first = b'\r\nContent-Disposition: form-data; name="file"; filename="a.log"\r\n\r\n'
    said = answer(web, upload(workspace.slug, cookie_of(app, admin)) + first + b"a" * 5000, 2)
    assert said.startswith(b"HTTP/1.1 400")


def test_a_form_of_a_visitor_is_small(web: WebProcess) -> None:
    said = answer(web, request("/login", FORM, "Content-Length: 400000"), 1)
    assert said.startswith(b"HTTP/1.1 413")


def test_callers_below_the_floor_are_told_so(web: WebProcess, key: str) -> None:
    """Takes as long as the product is patient: five seconds, for all of them together."""
    saying = {
        "head": b"GET /login HTTP/1.1\r\nHost: localhost\r\nX-A: ",
        "form": request("/login", FORM, "Content-Length: 1000") + b"a",
        "API": head(key, "Content-Length: 1000") + b"{",
        "chunks": head(key, CHUNKED) + b"3\r\n{",
    }
    with ExitStack() as stack:
        links = {}
        for name, said in saying.items():
            links[name] = stack.enter_context(socket.create_connection(web.address, 12))
            links[name].sendall(said)
        told = {name: _whole(link) for name, link in links.items()}
    for name, said in told.items():
        assert said.startswith(b"HTTP/1.1 408"), (name, said)
    assert b"application/problem+json" in told["API"]


def _whole(link: socket.socket) -> bytes:
    said = b""
    while part := link.recv(65536):
        said += part
    return said
