"""The verifier's own Ed25519 and signed notes, against a library and against tricks."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditsaas.evidence.format.notes import Checkpoint, SigningKey, base64, key_id, unbase64
from auditsaas.evidence.verifier import auditlog_verify
from tests.support.proofs import INCOMPLETE, PROVEN, REFUSED, Log, answer

ORDER = auditlog_verify.L
SMALL = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]
"""Points of order 1, 2, 4, 4, 8 and 8."""
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
            "f9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0"
            "f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
]
LOG = Log.of(5)
NOTE = LOG.note


def accepts(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        return auditlog_verify.signs(public, message, signature)
    except ValueError:
        return False


def with_note(note: str) -> int:
    bundle = LOG.file()
    bundle.head["checkpoint"] = note
    return answer(bundle).code


def signature_of(note: str) -> bytes:
    return unbase64(note.rstrip("\n").rpartition(" ")[2])


def line(data: bytes, name: str = LOG.origin) -> str:
    return f"\u2014 {name} {base64(data)}\n"


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_vectors_of_the_standard_are_accepted(public: str, message: str, signature: str) -> None:
    known = [bytes.fromhex(text) for text in (public, message, signature)]
    assert accepts(*known)
    assert not accepts(known[0], known[1] + b"x", known[2])


def test_signatures_of_a_library_are_accepted_and_changed_ones_are_not() -> None:
    chance = random.Random(8032)
    for number in range(12):
        key, message = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32)), b"m" * number
        public, signature = key.public_key().public_bytes_raw(), key.sign(message)
        assert accepts(public, message, signature)
        for part in (public, signature):
            at = chance.randrange(len(part))
            changed = part[:at] + bytes([part[at] ^ 1 << chance.randrange(8)]) + part[at + 1 :]
            pair = (changed, signature) if part is public else (public, changed)
            assert not accepts(pair[0], message, pair[1])


def test_signature_whose_half_is_not_below_the_order_is_refused() -> None:
    signature = signature_of(NOTE)
    half = int.from_bytes(signature[36:], "little") + ORDER
    other = signature[:36] + half.to_bytes(32, "little")
    assert with_note(NOTE.replace(base64(signature), base64(other))) == REFUSED


@pytest.mark.parametrize("point", SMALL)
def test_key_of_small_order_signs_nothing(point: str) -> None:
    """With it, one signature would be right for every text."""
    public = bytes.fromhex(point)
    for signature in (bytes([1]) + bytes(63), public + bytes(32)):
        assert not accepts(public, b"any text", signature)


@pytest.mark.parametrize("y", [2**255 - 19, 2**255 - 18, 2**255 - 1, 2])
def test_key_that_is_no_point_signs_nothing(y: int) -> None:
    assert not accepts(y.to_bytes(32, "little"), b"any text", bytes([1]) + bytes(63))


GOOD = signature_of(NOTE)
BAD = GOOD[:-1] + bytes([GOOD[-1] ^ 1])
ID = key_id(LOG.origin, 1, LOG.key.verifier.public)
NOTES: dict[str, tuple[Callable[[], str], int]] = {
    "as it is": (lambda: NOTE, PROVEN),
    "the same line twice": (lambda: NOTE + line(GOOD), PROVEN),
    "a wrong line of the same key": (lambda: NOTE + line(BAD), REFUSED),
    "a short line of the same key": (lambda: NOTE + line(GOOD[:-1]), REFUSED),
    "a line of another key of the name": (lambda: NOTE + line(b"abcd" + bytes(2420)), PROVEN),
    "a line of another name with the id": (lambda: NOTE + line(BAD, "witness.example"), PROVEN),
    "twenty lines of witnesses": (
        lambda: NOTE + "".join(line(bytes(76), f"w{n}.example") for n in range(20)),
        PROVEN,
    ),
    "only lines of witnesses": (
        lambda: NOTE.rpartition("\u2014")[0] + line(GOOD, "w.example"),
        REFUSED,
    ),
    "base64 of another form": (lambda: NOTE.replace(base64(GOOD), base64(GOOD)[:-2]), REFUSED),
    "no text": (lambda: line(GOOD), REFUSED),
    "a size with zeros": (lambda: signed("05"), REFUSED),
    "a size below zero": (lambda: signed("-5"), REFUSED),
    "a size that is none": (lambda: signed("five"), REFUSED),
    "a size beyond the largest": (lambda: signed(str(10**30)), REFUSED),
    "a line more in the text": (lambda: signed("5", "extension\n"), PROVEN),
    "an empty line in the text": (lambda: signed("5", "\nextension\n"), REFUSED),
    "a root of another length": (lambda: signed("5", root=bytes(31)), REFUSED),
    "another origin": (
        lambda: Checkpoint("other.example/log", 5, LOG.checkpoint.root).signed_by(LOG.key),
        REFUSED,
    ),
}


def signed(size: str, more: str = "", root: bytes = LOG.checkpoint.root) -> str:
    """A note of this text, signed as it should be."""
    text = f"{LOG.origin}\n{size}\n{base64(root)}\n{more}"
    return f"{text}\n{LOG.key.line(text)}"


@pytest.mark.parametrize("name", NOTES)
def test_note_is_read_as_its_format_says(name: str) -> None:
    note, wanted = NOTES[name]
    assert with_note(note()) == wanted != INCOMPLETE


def test_key_of_another_kind_is_refused() -> None:
    bundle, public = LOG.file(), LOG.key.verifier.public
    other = key_id(LOG.origin, 4, public)
    bundle.key = f"{LOG.origin}+{other.hex()}+{base64(bytes([4]) + public)}"
    assert answer(bundle).code == REFUSED


def test_id_of_a_key_is_made_of_its_name() -> None:
    """The same key under another name is another key."""
    bundle = LOG.file()
    other = SigningKey("other.example/log", bytes(range(32)))
    bundle.key = f"{LOG.origin}+{str(other.verifier).split('+', 1)[1]}"
    assert ID.hex() in LOG.file().key
    assert answer(bundle).code == REFUSED
