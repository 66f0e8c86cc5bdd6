"""Cosignatures of witnesses (C2SP tlog-cosignature v1): Ed25519 over a time and a checkpoint.

A witness says by it that at this time the checkpoint was the largest head of the log that it had
seen, and that the log had only grown. It signs the whole text of the note, not another signature.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditsaas.evidence.format import notes
from auditsaas.evidence.format.notes import ED25519, NoteRefused, VerifierKey

COSIGNATURE: Final = 4
"""The type of a key that cosigns, with a time."""
_TIME_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 64
_LATEST: Final = (1 << 63) - 1


@dataclass(frozen=True)
class Cosignature:
    """A signature line that a witness made of a checkpoint's text."""

    line: str
    """With its line break."""
    seconds: int | None
    """When it was made, since 1970; None where the witness signs notes as they are."""


@dataclass(frozen=True)
class CosigningKey:
    """The key of a witness: its name, and the 32 bytes that the witness keeps."""

    name: str
    secret: bytes

    @property
    def verifier(self) -> VerifierKey:
        public = Ed25519PrivateKey.from_private_bytes(self.secret).public_key()
        return VerifierKey(self.name, public.public_bytes_raw(), COSIGNATURE)

    def line(self, text: str, seconds: int) -> str:
        """Cosign the text of a checkpoint; return the line that goes under its note."""
        signature = Ed25519PrivateKey.from_private_bytes(self.secret).sign(_message(text, seconds))
        signed = self.verifier.id + seconds.to_bytes(_TIME_BYTES) + signature
        return f"\u2014 {self.name} {notes.base64(signed)}\n"


def witness_key(text: str) -> VerifierKey:
    """Read the verifier key of a witness.

    Raises:
        NoteRefused: it is none, or of a type that is not verified here.
    """
    key = VerifierKey.parse(text)
    if key.kind not in (ED25519, COSIGNATURE):
        raise NoteRefused("a witness signs with Ed25519 here (a key of type 0x04, or 0x01)")
    return key


def cosignatures(text: str, lines: Iterable[str], key: VerifierKey) -> list[Cosignature]:
    """Return what a witness signed of a checkpoint's text, the latest first; others are overlooked.

    Raises:
        NoteRefused: a line of this very key is wrong.
    """
    found = []
    for line in lines:
        for signature in notes.signatures_of([line], key):
            seconds = _verified(text, signature, key)
            found.append(Cosignature(f"{line}\n", seconds))
    return sorted(found, key=lambda each: each.seconds or 0, reverse=True)


def _verified(text: str, signature: bytes, key: VerifierKey) -> int | None:
    """Return the time of a signature, after it was verified."""
    if key.kind == ED25519:
        seconds, message = None, text.encode()
    else:
        told = int.from_bytes(signature[:_TIME_BYTES])
        if len(signature) != _TIME_BYTES + _SIGNATURE_BYTES or not 0 < told <= _LATEST:
            raise NoteRefused(f"the cosignature of {key.name} is malformed")
        seconds, message, signature = told, _message(text, told), signature[_TIME_BYTES:]
    if not key.signed(message, signature):
        raise NoteRefused(f"the cosignature of {key.name} is wrong")
    return seconds


def _message(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()
