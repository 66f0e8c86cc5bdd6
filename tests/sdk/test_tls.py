"""Certificates: the client talks to nobody that it cannot verify."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from auditsaas_client import AuditLog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.sdk.loopback import Loopback
from tests.workers import eventually

Open = Callable[..., AuditLog]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of its own for 127.0.0.1, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def secure(server: Loopback, certificate: Path) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server.url.replace("http:", "https:")


def test_an_authority_of_ones_own_can_be_named(
    server: Loopback, secure: str, certificate: Path, open_log: Open
) -> None:
    log = open_log(secure, ssl_context=ssl.create_default_context(cafile=certificate))
    log.record("a.b", "success", "u_1")
    assert log.flush(30)
    assert len(server.events) == 1


def test_an_unknown_certificate_gets_no_event_and_no_key(
    server: Loopback, secure: str, open_log: Open, caplog: pytest.LogCaptureFixture
) -> None:
    log = open_log(secure)
    log.record("a.b", "success", "u_1")
    eventually(lambda: "CERTIFICATE_VERIFY_FAILED" in caplog.text, "a warning")
    assert not log.flush(0.05)
    assert server.headers == []
