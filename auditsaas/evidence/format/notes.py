"""Signed notes and checkpoints (C2SP signed-note v1, tlog-checkpoint v1), signed with Ed25519.

A note is text, an empty line, and signature lines; a reader takes those of keys that it knows and
overlooks the others, so that a second signature breaks no verifier.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519: Final = 1
"""The type of a key that signs notes as they are."""
MAX_NOTE: Final = 256 * 1024
"""Room for more than the 16 signatures that C2SP asks for, each of up to 5 kB."""
MAX_SIZE: Final = (1 << 63) - 1
_DASH: Final = "\u2014 "
_SIZE: Final = re.compile("0|[1-9][0-9]{0,18}")


class NoteRefused(Exception):
    """A note is malformed, or no known key signed it."""


@dataclass(frozen=True)
class VerifierKey:
    """The public half of a key: what a verifier is given, as one line of text."""

    name: str
    public: bytes
    kind: int = ED25519

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read ``NAME+ID+BASE64``.

        Raises:
            NoteRefused: it is no such key, or its id is another's.
        """
        name, _, rest = text.strip().partition("+")
        written_id, _, coded = rest.partition("+")
        key = unbase64(coded)
        if not _is_name(name) or len(key) != 33:
            raise NoteRefused("this is no verifier key")
        made = cls(name, key[1:], key[0])
        if made.id.hex() != written_id:
            raise NoteRefused("the id of this verifier key is another key's")
        return made

    @property
    def id(self) -> bytes:
        """Four bytes that tell keys of one name apart."""
        return key_id(self.name, self.kind, self.public)

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64(bytes((self.kind,)) + self.public)}"

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Tell whether the key made this signature of the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class SigningKey:
    """A key by its name and the 32 bytes that its holder keeps."""

    name: str
    secret: bytes

    @property
    def verifier(self) -> VerifierKey:
        public = Ed25519PrivateKey.from_private_bytes(self.secret).public_key()
        return VerifierKey(self.name, public.public_bytes_raw())

    def line(self, text: str) -> str:
        """Sign the text of a note; return the line that goes under it."""
        signature = Ed25519PrivateKey.from_private_bytes(self.secret).sign(text.encode())
        return f"{_DASH}{self.name} {base64(self.verifier.id + signature)}\n"


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log: its name, how many leaves it has, and their root hash."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        lines = (self.origin, str(self.size), base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a checkpoint.

        Raises:
            NoteRefused: it is none.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
            raise NoteRefused("this is no checkpoint")
        origin, size, root, *extensions = lines[:-1]
        hashed = unbase64(root)
        if not _SIZE.fullmatch(size) or int(size) > MAX_SIZE or len(hashed) != 32:
            raise NoteRefused("this is no checkpoint")
        return cls(origin, int(size), hashed, tuple(extensions))

    def signed_by(self, *keys: SigningKey) -> str:
        """Return the note of this checkpoint with a line of each key."""
        return f"{self.text}\n" + "".join(key.line(self.text) for key in keys)


def split(note: str) -> tuple[str, list[str]]:
    """Part a note into its text and its signature lines.

    Raises:
        NoteRefused: it is no note.
    """
    text, found, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")
    if not found or len(note) > MAX_NOTE or len(lines) < 2 or lines[-1]:
        raise NoteRefused("this is no signed note")
    if any(ord(c) < 32 and c != "\n" for c in note):
        raise NoteRefused("a note holds no control characters")
    if not all(line.startswith(_DASH) for line in lines[:-1]):
        raise NoteRefused("this is no signed note")
    return f"{text}\n", lines[:-1]


def opened(note: str, keys: Iterable[VerifierKey]) -> tuple[str, list[VerifierKey]]:
    """Return the text of a note, and those of the keys that signed it; others are overlooked.

    Raises:
        NoteRefused: none of the keys signed it, or one of their signatures is wrong.
    """
    text, lines = split(note)
    signers = []
    for key in keys:
        for signature in signatures_of(lines, key):
            if not key.signed(text.encode(), signature):
                raise NoteRefused(f"the signature of {key.name} is wrong")
            signers.append(key)
    if not signers:
        raise NoteRefused("no known key signed this note")
    return text, signers


def checkpoint(note: str, *keys: VerifierKey) -> Checkpoint:
    """Read a checkpoint that one of the keys of its log signed.

    Raises:
        NoteRefused: it is none, or is another log's.
    """
    text, signers = opened(note, keys)
    read = Checkpoint.parse(text)
    if all(key.name != read.origin for key in signers):
        raise NoteRefused("this checkpoint is of another log")
    return read


def signatures_of(lines: Iterable[str], key: VerifierKey) -> list[bytes]:
    """Return the signatures of a key among signature lines."""
    found = []
    for line in lines:
        name, _, coded = line.removeprefix(_DASH).partition(" ")
        if name == key.name:
            signed = unbase64(coded)
            if signed[:4] == key.id:
                found.append(signed[4:])
    return found


def key_id(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes((kind,)) + public).digest()[:4]


def base64(data: bytes) -> str:
    return b64encode(data).decode()


def unbase64(text: str) -> bytes:
    """Decode base64 that is written as it is made, and in no other way.

    Raises:
        NoteRefused: it is not.
    """
    try:
        data = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteRefused("this is not base64") from None
    if base64(data) != text:
        raise NoteRefused("this is not base64")
    return data


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() for c in name)
