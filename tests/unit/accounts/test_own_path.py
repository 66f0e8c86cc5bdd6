"""Internal redirects after signing in."""

from __future__ import annotations

import pytest

from auditsaas.accounts.forms import own_path

HOSTILE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "////evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "\\/evil.example/",
    "/\t/evil.example/",
    "/\n/evil.example/",
    "\x00//evil.example/",
    " //evil.example/",
    "/%5cevil.example/",
    "/%09/evil.example/",
    "/%0d%0aLocation:%20https://evil.example/",
    "/%2f%2fevil.example/",
    "/.//evil.example/",
    "/..//evil.example/",
    "/%2e%2e//evil.example/",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "http:evil.example",
    "evil.example",
    "/audit-logs//evil.example",
    "/ａudit",
    "",
]


@pytest.mark.parametrize("address", HOSTILE)
def test_path_that_could_leave_the_site_is_refused(address: str) -> None:
    assert own_path(address) is None


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/audit-logs",
        "/w/acme/audit-logs?status=error&activity=user.*&q=meta.plan:pro",
        "/audit-logs?q=user%3A%22Ann%20Lee%22&from=2026-11-09",
        "/audit-logs?q=path:/a//b",
        "/audit-logs?ip=10.0.0.0/8",
    ],
)
def test_internal_path_is_kept_unchanged(address: str) -> None:
    assert own_path(address) == address


@pytest.mark.parametrize("address", ["/login", "/login?next=/login", "/logout", "/logout/"])
def test_sign_in_and_sign_out_pages_are_no_redirect_target(address: str) -> None:
    assert own_path(address) is None
