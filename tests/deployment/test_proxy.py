"""The shipped nginx: what slow callers cost behind it, what it logs, and what it says by itself."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_connection
from threading import Thread

import brotli
import pytest

from tests.deployment.nginx import Nginx
from tests.deployment.visitor import HOST, Visitor
from tests.support.serving import free_port
from tests.support.workers import eventually

SLOW = 24
BOUNDARY = "Content-Type: multipart/form-data; boundary=x"


def link(nginx: Nginx) -> ssl.SSLSocket:
    context = ssl._create_unverified_context()  # noqa: S323
    return context.wrap_socket(
        create_connection(("127.0.0.1", nginx.port), 5), server_hostname=HOST
    )


def half(path: str, *lines: str) -> bytes:
    first = (f"POST {path} HTTP/1.1", f"Host: {HOST}", "Content-Length: 400000")
    return "\r\n".join([*first, *lines, "", "-"]).encode()


@pytest.mark.parametrize(
    "said",
    [
        half("/w/anything/imports/new", BOUNDARY),
        half("/w/anything/imports/new", BOUNDARY, f"Cookie: __Host-session={'a' * 43}"),
        half("/login", "Content-Type: application/x-www-form-urlencoded"),
        half("/api/v1/events", "Content-Type: application/json"),
    ],
    ids=["an upload", "an upload with a cookie", "a form", "an event"],
)
def test_slow_callers_behind_the_proxy_hold_up_nobody(
    nginx: Nginx, visitor: Visitor, said: bytes
) -> None:
    with ExitStack() as stack:
        for _ in range(SLOW):
            stack.enter_context(link(nginx)).sendall(said)
        began = time.monotonic()
        assert visitor.get("/login").status == 200
        assert time.monotonic() - began < 1


def test_upload_of_a_visitor_is_led_to_the_sign_in_unread(nginx: Nginx) -> None:
    with link(nginx) as caller:
        caller.sendall(half("/w/anything/imports/new", BOUNDARY))
        assert caller.recv(4096).startswith(b"HTTP/1.1 303")


def test_upload_with_a_made_up_session_is_answered_before_its_body(nginx: Nginx) -> None:
    with link(nginx) as caller:
        cookie = f"Cookie: __Host-session={'a' * 43}"
        caller.sendall(half("/w/anything/imports/new", BOUNDARY, cookie))
        assert caller.recv(4096).startswith(b"HTTP/1.1 302")


def test_neither_filter_nor_token_is_logged(nginx: Nginx, visitor: Visitor) -> None:
    visitor.get("/w/acme/audit-logs?user=ceo%40acme.example&q=divorce")
    visitor.get("/invitations/token-of-an-invitation")
    visitor.get("/password-reset/token-of-a-reset")
    eventually(lambda: "/w/acme/audit-logs" in nginx.logged(), "a line of the log")
    for secret in ("ceo", "divorce", "token-of"):
        assert secret not in nginx.logged()


@pytest.fixture(scope="module")
def alone(folder: Path) -> Iterator[Visitor]:
    """A visitor of a proxy whose web is away."""
    with Nginx(folder / "alone", free_port()) as made:
        yield Visitor(made.port, tls=True)


class Naming(BaseHTTPRequestHandler):
    """A web that names the file that the proxy is to send."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("X-Accel-Redirect", "/stored-files/exports/1.csv")
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Disposition", 'attachment; filename="a.csv"')
        self.send_header("ETag", '"sum"')
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture(scope="module")
def sending(folder: Path) -> Iterator[Visitor]:
    """A visitor of a proxy that sends files of the web's."""
    kept = folder / "kept"
    (kept / "exports").mkdir(parents=True)
    (kept / "exports" / "1.csv").write_text("0123456789")
    with ThreadingHTTPServer(("127.0.0.1", 0), Naming) as web:
        Thread(target=web.serve_forever, daemon=True).start()
        with Nginx(folder / "sending", web.server_port, kept) as made:
            yield Visitor(made.port, tls=True)
        web.shutdown()


def test_file_that_the_web_names_is_sent_by_the_proxy_with_its_headers(sending: Visitor) -> None:
    path = "/w/acme/exports/1/download"
    whole, part = sending.get(path), sending.get(path, Range="bytes=2-4")
    assert (whole.status, whole.text) == (200, "0123456789")
    assert (part.status, part.text) == (206, "234")
    assert whole.headers["Content-Disposition"] == 'attachment; filename="a.csv"'
    assert (whole.headers["Content-Type"], whole.headers["ETag"]) == ("text/csv", '"sum"')
    assert whole.headers["X-Content-Type-Options"] == "nosniff"


def test_file_is_not_sent_to_who_asks_for_it_by_its_name(sending: Visitor) -> None:
    assert sending.get("/stored-files/exports/1.csv").status == 404


LOG = "/log/01a1f8d3-0000-7000-8000-0000000000ac/checkpoint"


@pytest.mark.parametrize("path", ["/api/v1/events", "/v1/logs", LOG, "/witness/add-checkpoint"])
def test_api_says_that_the_web_is_away_as_a_problem(alone: Visitor, path: str) -> None:
    said = alone.post_json(path, {})
    assert (said.status, said.headers["Content-Type"]) == (503, "application/problem+json")
    assert int(said.headers["Retry-After"]) > 0
    assert said.json["title"] == "Unavailable"
    assert said.json["request_id"]


def test_page_says_that_the_web_is_away_in_words(alone: Visitor) -> None:
    said = alone.get("/login")
    assert said.status == 503
    assert int(said.headers["Retry-After"]) > 0
    assert "Try again" in said.text


def test_body_that_is_too_large_for_the_proxy_is_a_problem(alone: Visitor) -> None:
    said = alone.post_json("/api/v1/events", "x" * 9_000_000)
    assert (said.status, said.headers["Content-Type"]) == (413, "application/problem+json")


def test_address_that_guesses_is_told_to_wait(alone: Visitor) -> None:
    answers = [alone.post("/login", {"email": "a"}) for _ in range(60)]
    refused = [said for said in answers if said.status == 429]
    assert refused
    assert int(refused[0].headers["Retry-After"]) > 0
    assert "Wait a moment" in refused[0].text


def test_style_comes_packed_through_the_proxy_and_is_kept_for_a_year(visitor: Visitor) -> None:
    [address] = re.findall(r"/static/bundles/page\.css\?v=\w+", visitor.get("/login").text)
    answer = visitor.get(address, Accept_Encoding="br, gzip")
    assert answer.headers["Content-Encoding"] == "br"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert b".topbar" in brotli.decompress(answer.body)
    again = visitor.get(address, Accept_Encoding="br", If_None_Match=answer.headers["ETag"])
    assert (again.status, again.body) == (304, b"")


def plainly(nginx: Nginx, path: str) -> HTTPResponse:
    """Ask without TLS, with a key."""
    way = HTTPConnection("127.0.0.1", nginx.plain_port, timeout=5)
    way.request("GET", path, headers={"Host": HOST, "Authorization": "Bearer aud_x"})
    return way.getresponse()


@pytest.mark.parametrize("path", ["/api/v1/events", "/api/v1/exports", "/v1/logs", LOG])
def test_api_is_not_led_to_https_in_silence(nginx: Nginx, path: str) -> None:
    said = plainly(nginx, path)
    assert (said.status, said.headers["Location"]) == (403, None)
    assert said.headers["Content-Type"] == "application/problem+json"


def test_pages_are_led_to_https(nginx: Nginx) -> None:
    said = plainly(nginx, "/login")
    assert (said.status, said.headers["Location"]) == (301, f"https://{HOST}/login")
