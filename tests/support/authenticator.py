"""A passkey's device in software, with one key pair (WebAuthn level 2, section 6)."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import bytes_to_base64url

USER_PRESENT, USER_VERIFIED, HOLDS_KEY = 0x01, 0x04, 0x40


class Authenticator:
    """Answers what our pages ask of a browser, as JSON for the form's ``credential``."""

    def __init__(self, domain: str, origin: str) -> None:
        self._domain, self._origin = domain, origin
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = secrets.token_bytes(16)

    def create(self, options: dict[str, Any]) -> str:
        client = self._client_data("webauthn.create", options)
        point = self._key.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (point.x, point.y))
        public = {1: 2, 3: -7, -1: 1, -2: x, -3: y}  # RFC 9053, section 7.1
        held = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id
        data = self._data(USER_PRESENT | USER_VERIFIED | HOLDS_KEY) + held + cbor2.dumps(public)
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer(clientDataJSON=client, attestationObject=attested)

    def sign(self, options: dict[str, Any]) -> str:
        client = self._client_data("webauthn.get", options)
        data = self._data(USER_PRESENT | USER_VERIFIED)
        signed = data + hashlib.sha256(client).digest()
        signature = self._key.sign(signed, ec.ECDSA(hashes.SHA256()))
        return self._answer(clientDataJSON=client, authenticatorData=data, signature=signature)

    def _client_data(self, kind: str, options: dict[str, Any]) -> bytes:
        told = {"type": kind, "challenge": options["challenge"], "origin": self._origin}
        return json.dumps(told).encode()

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self._domain.encode()).digest() + bytes([flags]) + bytes(4)

    def _answer(self, **response: bytes) -> str:
        name = bytes_to_base64url(self.credential_id)
        told = {key: bytes_to_base64url(value) for key, value in response.items()}
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": told})
