"""Certificates: the client talks only to a server that it can verify."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from auditsaas_client import AuditLog

from tests.sdk.loopback import Loopback
from tests.support.certificates import write_certificate
from tests.support.workers import eventually

Open = Callable[..., AuditLog]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "certificate.pem"
    write_certificate(path)
    return path


@pytest.fixture
def secure(server: Loopback, certificate: Path) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server.url.replace("http:", "https:")


def test_custom_certificate_authority_is_accepted(
    server: Loopback, secure: str, certificate: Path, open_log: Open
) -> None:
    log = open_log(secure, ssl_context=ssl.create_default_context(cafile=certificate))
    log.record("a.b", "success", "u_1")
    assert log.flush(30)
    assert len(server.events) == 1


def test_untrusted_certificate_gets_no_event_and_no_key(
    server: Loopback, secure: str, open_log: Open, caplog: pytest.LogCaptureFixture
) -> None:
    log = open_log(secure)
    log.record("a.b", "success", "u_1")
    eventually(lambda: "CERTIFICATE_VERIFY_FAILED" in caplog.text, "a warning")
    assert not log.flush(0.05)
    assert server.headers == []
