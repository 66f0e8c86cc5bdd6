"""What every answer says of itself, and what the product answers to those who look around."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.support.factories import csrf_token


@pytest.mark.parametrize(
    "address",
    [
        "/login",
        "/nothing-here",
        "/static/app.css",
        "/static/app.js",
        "/api/docs",
        "/password-reset",
    ],
)
def test_text_says_its_character_set(client: FlaskClient, address: str) -> None:
    content_type = client.get(address).headers["Content-Type"]
    assert content_type.startswith("text/")
    assert content_type.endswith("charset=utf-8")


@pytest.mark.parametrize("address", ["/login", "/audit-logs", "/api/v1/events", "/static/app.css"])
@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "DEBUG"])
def test_methods_that_echo_or_tunnel_are_refused(
    client: FlaskClient, address: str, method: str
) -> None:
    answer = client.open(address, method=method, headers={"X-Probe": "tulip-anchor"})
    assert answer.status_code in (401, 405)
    assert "tulip-anchor" not in answer.text


@pytest.mark.parametrize(
    "address",
    [
        "/static/",
        "/static",
        "/static/vendor/",
        "/.git/config",
        "/.env",
        "/config/settings.py",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/console",
        "/debug",
        "/server-status",
    ],
)
def test_folders_and_sources_are_not_shown(client: FlaskClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 404
    assert "import" not in answer.text.partition("</head>")[2]


@pytest.mark.parametrize("email", ["a@b.example", "%0d%0aSet-Cookie:x=1", "\r\nX-Evil: 1"])
@pytest.mark.parametrize("path", ["/login", "/password-reset"])
def test_typed_line_breaks_make_no_header(client: FlaskClient, email: str, path: str) -> None:
    form = {"email": email, "password": "x", "next": email, "csrf_token": csrf_token(client)}
    answer = client.post(path, data=form)
    assert "X-Evil" not in answer.headers
    assert all("x=1" not in cookie for cookie in answer.headers.getlist("Set-Cookie"))
