"""The proof of one event as a text: written, read back, and every way in which it is none."""

from __future__ import annotations

import pytest

from auditsaas.evidence.format import merkle
from auditsaas.evidence.format.notes import Checkpoint, NoteRefused, SigningKey, base64
from auditsaas.evidence.format.tlog_proof import TlogProof

LEAVES = [merkle.leaf(bytes((number,))) for number in range(5)]
KEY = SigningKey("audit.example.com/log/one", bytes(range(32)))
NOTE = Checkpoint(KEY.name, 5, merkle.root_of(LEAVES)).signed_by(KEY)
PATH = tuple(merkle.inclusion(3, 5, merkle.nodes_of(LEAVES)))
SEED = {"seed": base64(bytes(16))}
PROOF = TlogProof(3, PATH, NOTE, SEED)


def test_proof_is_written_line_by_line_as_the_specification_has_it() -> None:
    lines = PROOF.text.split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1] == "extra " + base64(b'{"seed":"AAAAAAAAAAAAAAAAAAAAAA=="}')
    assert lines[2] == "index 3"
    assert lines[3:6] == [base64(one) for one in PATH]
    assert "\n".join(lines[6:]) == "\n" + NOTE


@pytest.mark.parametrize("extra", [{}, SEED, {"salts": [], "erased": {"6": "é"}}])
@pytest.mark.parametrize("path", [PATH, ()])
def test_proof_reads_back(extra: dict[str, object], path: tuple[bytes, ...]) -> None:
    proof = TlogProof(0, path, NOTE, extra)
    assert TlogProof.parse(proof.text) == proof


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        NOTE,
        PROOF.text.replace("@v1", "@v2"),
        PROOF.text.replace("index 3", "index 03"),
        PROOF.text.replace("index 3", "index -3"),
        PROOF.text.replace("index 3", "index 3 "),
        PROOF.text.replace("index 3", f"index {10**19}"),
        PROOF.text.replace("index 3\n", ""),
        PROOF.text.replace("index 3", "3"),
        PROOF.text.replace(base64(PATH[0]), base64(PATH[0][:31])),
        PROOF.text.replace(base64(PATH[0]), base64(PATH[0])[:-1]),
        PROOF.text.replace("\n\n", "\n"),
        PROOF.text.replace("\n\n\u2014", "\n\u2014"),
        PROOF.text.replace("extra ", "extra !"),
        TlogProof(3, PATH * 30, NOTE, SEED).text,
    ],
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(NoteRefused):
        TlogProof.parse(text)


@pytest.mark.parametrize("extra", [b"", b"{", b"\xff", b"[" * 100_000])
def test_extra_that_is_no_json_is_refused(extra: bytes) -> None:
    coded = PROOF.text.replace(base64(b'{"seed":"AAAAAAAAAAAAAAAAAAAAAA=="}'), base64(extra))
    with pytest.raises(NoteRefused):
        TlogProof.parse(coded)
