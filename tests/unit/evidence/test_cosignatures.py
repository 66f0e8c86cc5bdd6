"""Cosignatures of witnesses, and the body by which they are asked."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from auditsaas.evidence.format import additions, merkle, notes
from auditsaas.evidence.format.additions import Addition
from auditsaas.evidence.format.cosignatures import CosigningKey, cosignatures, witness_key
from auditsaas.evidence.format.notes import Checkpoint, NoteRefused, SigningKey, VerifierKey

KEY = CosigningKey("witness.example/w1", bytes(range(32)))
LOG = SigningKey("audit.example.com/log/1", bytes(32))
LEAVES = [merkle.leaf(bytes([n])) for n in range(9)]
TEXT = Checkpoint(LOG.name, 5, merkle.root_of(LEAVES[:5])).text
SECONDS = 1679315147
LINE = KEY.line(TEXT, SECONDS)

# The example of C2SP tlog-witness, add-checkpoint.
ASKED = """\
old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\u2014 example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
"""  # noqa: E501


def test_cosignature_is_of_the_time_and_the_whole_text() -> None:
    """Verified here by hand, as the specification says it."""
    key = Ed25519PrivateKey.from_private_bytes(KEY.secret).public_key()
    name, coded = LINE.removeprefix("\u2014 ").rstrip("\n").split(" ")
    signed = notes.unbase64(coded)
    assert name == "witness.example/w1"
    assert signed[:4] == notes.key_id(name, 4, key.public_bytes_raw())
    assert int.from_bytes(signed[4:12]) == SECONDS
    key.verify(signed[12:], f"cosignature/v1\ntime {SECONDS}\n{TEXT}".encode())


def test_cosignature_reads_back_among_other_lines() -> None:
    lines = [LOG.line(TEXT).rstrip(), LINE.rstrip(), KEY.line(TEXT, SECONDS + 9).rstrip()]
    found = cosignatures(TEXT, lines, KEY.verifier)
    assert [each.seconds for each in found] == [SECONDS + 9, SECONDS]
    assert found[1].line == LINE


def test_witness_that_signs_notes_as_they_are_is_understood() -> None:
    plain = SigningKey("old.example", bytes(range(1, 33)))
    found = cosignatures(TEXT, [plain.line(TEXT).rstrip()], plain.verifier)
    assert [each.seconds for each in found] == [None]


def test_verifier_of_notes_overlooks_cosignatures() -> None:
    note = f"{TEXT}\n{LOG.line(TEXT)}{LINE}"
    assert notes.checkpoint(note, LOG.verifier).size == 5


@pytest.mark.parametrize(
    "text", [TEXT.replace("\n5\n", "\n6\n"), TEXT + "extension\n", TEXT.replace("log/1", "log/2")]
)
def test_cosignature_of_another_text_is_refused(text: str) -> None:
    with pytest.raises(NoteRefused, match="is wrong"):
        cosignatures(text, [LINE.rstrip()], KEY.verifier)


def test_time_that_was_changed_is_refused() -> None:
    signed = bytearray(notes.unbase64(LINE.split(" ")[2].rstrip()))
    signed[11] ^= 1
    forged = f"\u2014 {KEY.name} {notes.base64(bytes(signed))}"
    with pytest.raises(NoteRefused, match="is wrong"):
        cosignatures(TEXT, [forged], KEY.verifier)


@pytest.mark.parametrize("payload", [b"", bytes(64), bytes(72), b"\xff" * 72, bytes(2428)])
def test_malformed_cosignature_is_refused(payload: bytes) -> None:
    line = f"\u2014 {KEY.name} {notes.base64(KEY.verifier.id + payload)}"
    with pytest.raises(NoteRefused, match=r"malformed|wrong"):
        cosignatures(TEXT, [line], KEY.verifier)


def test_line_of_another_key_of_the_name_is_overlooked() -> None:
    other = CosigningKey(KEY.name, bytes(32))
    assert cosignatures(TEXT, [other.line(TEXT, SECONDS).rstrip()], KEY.verifier) == []


def test_key_of_a_type_that_is_not_verified_is_refused() -> None:
    assert witness_key(str(KEY.verifier)) == KEY.verifier
    ml_dsa = VerifierKey("witness.example", bytes(32), 6)
    with pytest.raises(NoteRefused, match="Ed25519"):
        witness_key(str(ml_dsa))


def test_example_of_the_specification_is_read() -> None:
    asked = Addition.parse(ASKED.encode())
    assert (asked.old, len(asked.proof), asked.checkpoint.size) == (20852014, 4, 20852163)
    assert additions.body(asked.old, asked.proof, asked.note).decode() == ASKED


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        ASKED.replace("old 20852014", "old 020852014").encode(),
        ASKED.replace("old ", "size ").encode(),
        ASKED.replace("old 20852014", "old -1").encode(),
        ASKED.replace("old 20852014", f"old {1 << 63}").encode(),
        ASKED.replace("pkaw=\n", "pkaw\n").encode(),
        ASKED.replace("PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=", "AAAA").encode(),
        ASKED.replace("\n\nexample", "\nexample").encode(),
        ASKED.replace("\n\n\u2014", "\n\u2014").encode(),
        ASKED.rstrip().encode(),
        ASKED.replace("old 20852014\n", "old 20852014\n\n").encode(),
    ],
)
def test_body_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(NoteRefused):
        Addition.parse(body)


def test_sixty_four_hashes_are_too_many() -> None:
    line = ASKED.split("\n")[1] + "\n"
    most, more = (ASKED.replace(line, line * times).encode() for times in (60, 61))
    assert len(Addition.parse(most).proof) == 63
    with pytest.raises(NoteRefused):
        Addition.parse(more)


@pytest.mark.parametrize(("old", "size"), [(o, s) for s in range(1, 10) for o in range(1, s + 1)])
def test_growth_is_accepted_where_it_is_proven_and_nowhere_else(old: int, size: int) -> None:
    proof = merkle.consistency(old, size, merkle.nodes_of(LEAVES[:size]))
    note = Checkpoint(LOG.name, size, merkle.root_of(LEAVES[:size])).signed_by(LOG)
    asked = Addition.parse(additions.body(old, proof, note))
    asked.check_growth(merkle.root_of(LEAVES[:old]))
    with pytest.raises(merkle.ProofRefused):
        asked.check_growth(bytes(32))


def test_empty_tree_has_its_own_root_and_proves_nothing() -> None:
    empty = Checkpoint(LOG.name, 0, merkle.EMPTY).signed_by(LOG)
    Addition.parse(additions.body(0, [], empty)).check_growth(merkle.EMPTY)
    odd = Checkpoint(LOG.name, 0, bytes(32)).signed_by(LOG)
    whole = Checkpoint(LOG.name, 1, LEAVES[0]).signed_by(LOG)
    for body in (additions.body(0, [], odd), additions.body(0, [bytes(32)], whole)):
        with pytest.raises(merkle.ProofRefused):
            Addition.parse(body).check_growth(merkle.EMPTY)
