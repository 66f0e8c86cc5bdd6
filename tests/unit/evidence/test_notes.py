"""Signed notes: the vector of the format, and every way in which a note is none."""

from __future__ import annotations

import pytest

from auditsaas.evidence.format.notes import (
    Checkpoint,
    NoteRefused,
    SigningKey,
    VerifierKey,
    base64,
    checkpoint,
    opened,
)

ORIGIN = "audit.example.com/log/01a1f8d3-0000-7000-8000-0000000000ac"
KEY = SigningKey(ORIGIN, bytes(range(32)))
VKEY = f"{ORIGIN}+68c4decf+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
ROOT = bytes.fromhex("75830d274bfa50af3c8233ef9c85caeee84cf19d51df21619b4f36fdb91c9831")
HEAD = Checkpoint(ORIGIN, 2, ROOT)
SIGNATURE = (
    "aMTezxEGQsQ1ZH54Ffetdkb5LfI3nBAEuyuMSqjSqS0GYkZN2ilb9PWN9k/8N5dVehwEFABPF90kXKYMJiuIjyTblQU="
)
NOTE = f"{ORIGIN}\n2\n{base64(ROOT)}\n\n\u2014 {ORIGIN} {SIGNATURE}\n"
OTHER = SigningKey("witness.example", bytes(32))


def test_note_and_key_are_those_of_the_specification() -> None:
    assert HEAD.signed_by(KEY) == NOTE
    assert str(KEY.verifier) == VKEY
    assert VerifierKey.parse(VKEY) == KEY.verifier


def test_checkpoint_reads_back() -> None:
    assert checkpoint(NOTE, KEY.verifier) == HEAD


def test_second_signature_of_another_key_is_overlooked() -> None:
    note = HEAD.signed_by(OTHER, KEY)
    assert checkpoint(note, KEY.verifier) == HEAD
    assert opened(note, [KEY.verifier, OTHER.verifier])[1] == [KEY.verifier, OTHER.verifier]


def test_sixteen_signatures_of_five_kilobytes_are_read() -> None:
    large = "".join(f"\u2014 other{n}.example {base64(bytes(5000))}\n" for n in range(16))
    assert checkpoint(NOTE + large, KEY.verifier) == HEAD


def test_wrong_signature_beside_a_right_one_is_refused() -> None:
    forged = NOTE + KEY.line("something else\n")
    with pytest.raises(NoteRefused, match="is wrong"):
        checkpoint(forged, KEY.verifier)


@pytest.mark.parametrize(
    "note",
    [
        NOTE.replace("\n2\n", "\n3\n"),
        NOTE.replace("\n2\n", "\n02\n"),
        NOTE.replace("\n2\n", "\n-2\n"),
        NOTE.replace("\n2\n", "\n2.0\n"),
        NOTE.replace("\n2\n", "\n٢\n"),
        NOTE.replace(f"{ORIGIN}\n", "other.example\n", 1),
        NOTE.replace(SIGNATURE, SIGNATURE[:-1]),
        NOTE.replace(SIGNATURE, SIGNATURE[:-2] + "V="),
        NOTE[:-1],
        NOTE.replace("\n\n", "\n"),
        NOTE.replace("\u2014", "-"),
        NOTE.replace("\n", "\r\n"),
        NOTE + "\0",
        "",
        "\n\n",
        NOTE * 2000,
    ],
)
def test_note_that_was_changed_is_refused(note: str) -> None:
    with pytest.raises(NoteRefused):
        checkpoint(note, KEY.verifier)


def test_checkpoint_signed_by_another_log_is_refused() -> None:
    stranger = SigningKey("other.example/log", bytes(range(32)))
    with pytest.raises(NoteRefused, match="another log"):
        checkpoint(HEAD.signed_by(stranger), stranger.verifier)


@pytest.mark.parametrize(
    "size", ["00", "+1", " 1", "1 ", "1e3", "0x1", "9223372036854775808", "9" * 5000]
)
def test_size_that_is_written_otherwise_is_refused(size: str) -> None:
    with pytest.raises(NoteRefused):
        Checkpoint.parse(f"{ORIGIN}\n{size}\n{base64(ROOT)}\n")


@pytest.mark.parametrize(
    "text",
    [
        VKEY.replace("68c4decf", "68c4dece"),
        VKEY.replace(ORIGIN, "other.example"),
        VKEY[:-4],
        VKEY.rpartition("+")[0],
        f"a b{VKEY}",
        "",
        "+" * 3,
    ],
)
def test_text_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(NoteRefused):
        VerifierKey.parse(text)


def test_extension_lines_stay_with_the_checkpoint() -> None:
    extended = Checkpoint(ORIGIN, 2, ROOT, ("region north",))
    assert checkpoint(extended.signed_by(KEY), KEY.verifier) == extended
