"""A time-stamp authority on loopback: OpenSSL's, asked as one asks those of the internet."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import socket

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.receivers import Receiver, read_request, receiving
from tests.support.witnesses import http

CONFIGURED = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


class TimestampAuthority:
    """Its certificates, and how it answers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.url = ""
        self.root = folder / "root.pem"
        """What its time-stamps lead to."""
        self.instead: Callable[[bytes], bytes] | None = None
        """An answer in place of the right one, from the query."""
        root_key, key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
        root_name, name = _name("Stamping Root"), _name("Stamping")
        root = _built(root_name, root_name, root_key, root_key, ca=True)
        signer = _built(name, root_name, key, root_key, ca=False)
        self.root.write_bytes(root.public_bytes(serialization.Encoding.PEM))
        (folder / "signer.pem").write_bytes(signer.public_bytes(serialization.Encoding.PEM))
        (folder / "key.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        (folder / "conf").write_text(CONFIGURED.format(folder=folder))
        (folder / "serial").write_text("01\n")

    def reply(self, query: bytes) -> bytes:
        """Answer a query, in DER."""
        (self._folder / "query").write_bytes(query)
        self._openssl(
            *("ts", "-reply", "-config", "conf", "-queryfile", "query", "-out", "reply"),
            *("-signer", "signer.pem", "-inkey", "key.pem"),
        )
        return (self._folder / "reply").read_bytes()

    def verifies(self, data: bytes, reply: bytes) -> bool:
        """Tell whether OpenSSL takes a time-stamp, as somebody else does who has both files."""
        (self._folder / "data").write_bytes(data)
        (self._folder / "kept").write_bytes(reply)
        said = self._openssl("ts", "-verify", "-data", "data", "-in", "kept", "-CAfile", "root.pem")
        return "Verification: OK" in said

    def answer(self, connection: socket, _: Receiver) -> None:
        query = read_request(connection).partition(b"\r\n\r\n")[2]
        body = self.instead(query) if self.instead else self.reply(query)
        head = http(200, "", "application/timestamp-reply").replace(
            b"Content-Length: 0", f"Content-Length: {len(body)}".encode()
        )
        connection.sendall(head + body)

    def _openssl(self, *words: str) -> str:
        done = subprocess.run(
            ["openssl", *words], cwd=self._folder, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr


@contextmanager
def timestamping(folder: Path) -> Iterator[TimestampAuthority]:
    """Serve an authority on loopback."""
    authority = TimestampAuthority(folder)
    with receiving(authority.answer) as receiver:
        authority.url = f"http://127.0.0.1:{receiver.port}"
        yield authority


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _built(
    subject: x509.Name,
    issuer: x509.Name,
    key: rsa.RSAPrivateKey,
    signer: rsa.RSAPrivateKey,
    *,
    ca: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if not ca:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        built = built.add_extension(usage, critical=True)
    return built.sign(signer, hashes.SHA256())
