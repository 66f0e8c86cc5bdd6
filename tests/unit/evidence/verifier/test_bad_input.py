"""What the verifier says of what nothing honest writes: a refusal in words, and no traceback."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditsaas.evidence.verifier import auditlog_verify
from tests.support.proofs import (
    INCOMPLETE,
    MISUSED,
    PROVEN,
    REFUSED,
    Bundle,
    answer,
    answer_to,
    event,
    said,
    written,
)
from tests.support.strange_input import HEADS, LOG, ROWS

PROGRAM = str(auditlog_verify.__file__)
ZEROS = bytes(1 << 20)


@pytest.mark.parametrize("name", ROWS)
def test_row_that_nothing_honest_writes_is_refused(name: str) -> None:
    bundle = LOG.file()
    ROWS[name](bundle)
    code, words = answer(bundle.reseal())
    assert code == REFUSED
    assert words.startswith("Refused: line 1 of the file (number 1): ")


@pytest.mark.parametrize("head", [head for heads in HEADS.values() for head in heads])
def test_head_of_wrong_values_is_refused(head: dict[str, Any]) -> None:
    bundle = LOG.file()
    bundle.head.update(head)
    assert answer(bundle).code == REFUSED


@pytest.mark.parametrize("name", sorted(LOG.file().head))
def test_head_that_lacks_a_member_is_refused(name: str) -> None:
    bundle = LOG.file()
    del bundle.head[name]
    assert answer(bundle).code == REFUSED


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"in": 1},
        {"in": True, "seed": "A" * 22 + "=="},
        {"in": 2, "seed": "A" * 22 + "=="},
        {"in": 1, "seed": "AAAA"},
        {"in": 1, "seed": "AAAAAAAAAAAAAAAAAAAAAB=="},
        {"in": 1, "salts": ["AAAA"] * 16},
        {"t": 1},
        {"t": 1 << 63, "root": "A" * 43 + "="},
        {"t": True, "root": "A" * 43 + "="},
        {"t": 1.0, "root": "A" * 43 + "="},
        {"t": 1, "root": "A" * 42 + "B="},
        {"t": 1, "open": [3], "path": []},
        {"t": 1, "open": [3, "AAAA", "x"], "path": []},
        {"t": 1, "open": None, "path": []},
        b"{\n",
        b"[]\n",
        b"0\n",
        b"\n",
        bytes(4096),
    ],
)
def test_line_of_another_form_is_refused(line: Any) -> None:
    bundle = LOG.file()
    bundle.lines[4] = line
    code, words = answer(bundle)
    assert code == REFUSED
    assert "number 4" in words


def test_members_that_are_not_known_are_passed_over() -> None:
    bundle = LOG.file()
    for line in bundle.lines:
        line["note"] = {"deep": [1, None]}
    assert answer(bundle).code == PROVEN


@pytest.mark.parametrize("value", [b"1e400", b"-1e999", b"NaN", b"Infinity", b'{"a":1,"a":1}'])
def test_member_that_is_not_known_is_read_as_strictly(value: bytes) -> None:
    bundle = LOG.file()
    bundle.lines[0] = written(bundle.head).replace(b'{"format"', b'{"note":' + value + b',"format"')
    assert answer(bundle).code == REFUSED


@pytest.mark.parametrize("name", ["q", "min_ms", "browser", "statuss", "Status", "user"])
def test_filter_that_is_not_known_is_never_taken_for_fulfilled(name: str) -> None:
    code, words = answer(LOG.file(query={name: ["error"]}))
    assert code == INCOMPLETE
    assert f"Not proven: what the filter means by '{name}'" in words


def bomb(size: int) -> bytes:
    """Pack as many zeros, without a line's end among them."""
    packer = zlib.compressobj(9, wbits=31)
    packed = [packer.compress(ZEROS) for _ in range(size // len(ZEROS))]
    return b"".join((*packed, packer.flush()))


def test_packed_zeros_are_refused_before_they_fill_the_memory() -> None:
    """10 GB would be 10 MB, packed; what is read of them is bounded by the longest line."""
    packed, bundle = bomb(64 << 20), LOG.file()
    for file, proof in ((packed, bundle.proof), (b"".join(bundle.rows), packed)):
        code, words = answer_to(file, proof, bundle.key)
        assert (code, "a line is longer than 8 MiB" in words) == (REFUSED, True)


def test_ten_gigabytes_of_zeros_are_refused(tmp_path: Path) -> None:
    bundle, hole = LOG.file(), tmp_path / "events.jsonl"
    with hole.open("wb") as file:
        file.truncate(10 << 30)
    (tmp_path / "proof").write_bytes(bundle.proof)
    assert said(str(hole), str(tmp_path / "proof"), bundle.key).code == REFUSED
    with hole.open("r+b") as file:
        file.write(gzip.compress(b"".join(bundle.rows)))
    assert said(str(hole), str(tmp_path / "proof"), bundle.key).code == REFUSED


@pytest.mark.parametrize("packed", [True, False])
def test_file_is_read_packed_or_not(packed: bool) -> None:
    bundle = LOG.file()
    file, proof = b"".join(bundle.rows), bundle.proof
    found = (gzip.compress(file), proof) if packed else (file, gzip.compress(proof))
    assert answer_to(*found, bundle.key).code == PROVEN


@pytest.mark.parametrize("cut", [1, 8, 9, 40])
def test_packed_file_that_is_cut_off_is_refused(cut: int) -> None:
    bundle = LOG.file()
    proof = gzip.compress(bundle.proof)
    assert answer_to(b"".join(bundle.rows), proof[:-cut], bundle.key).code == REFUSED
    assert answer_to(b"".join(bundle.rows), proof + bytes(cut), bundle.key).code == REFUSED
    damaged = proof[: -20 - cut] + bytes(cut) + proof[-20:]
    assert answer_to(b"".join(bundle.rows), damaged, bundle.key).code == REFUSED


def test_last_line_without_its_end_is_read() -> None:
    bundle = LOG.file()
    bundle.rows[-1] = bundle.rows[-1].rstrip(b"\n")
    bundle.reseal()
    assert answer_to(b"".join(bundle.rows), bundle.proof.rstrip(b"\n"), bundle.key).code == PROVEN


def test_lines_that_end_as_in_windows_are_other_bytes() -> None:
    bundle = LOG.file()
    file = b"".join(bundle.rows).replace(b"\n", b"\r\n")
    code, words = answer_to(file, bundle.proof, bundle.key)
    assert (code, "not the file that was made" in words) == (REFUSED, True)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x",
        "a+b+c",
        LOG.file().key[:-4] + "AAA=",
        LOG.file().key.upper(),
        "a+00000000+AQ==",
        "é",
    ],
)
def test_key_that_is_none_is_refused(key: str) -> None:
    bundle = LOG.file()
    assert answer_to(b"".join(bundle.rows), bundle.proof, key).code == REFUSED


def test_key_is_read_from_a_file(tmp_path: Path) -> None:
    bundle = LOG.file()
    (tmp_path / "KEY.txt").write_text(bundle.key + "\n")
    found = answer_to(b"".join(bundle.rows), bundle.proof, str(tmp_path / "KEY.txt"))
    assert found.code == PROVEN


def test_table_is_not_checked_and_the_answer_says_what_is(tmp_path: Path) -> None:
    code, words = answer_to(b"created_at\r\n", LOG.file().proof, LOG.file().key, "events.csv")
    assert code == MISUSED
    assert "check the .jsonl" in words


@pytest.mark.parametrize("arguments", [(), ("a",), ("a", "b", "c", "d")])
def test_wrong_call_is_answered_by_the_usage(arguments: tuple[str, ...]) -> None:
    code, words = said(*arguments)
    assert (code, "auditlog_verify.py FILE PROOF KEY" in words) == (MISUSED, True)


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "proof").write_bytes(LOG.file().proof)
    code, words = said(str(tmp_path / "none.jsonl"), str(tmp_path / "proof"), LOG.file().key)
    assert (code, "none.jsonl" in words) == (MISUSED, True)
    assert said(str(tmp_path), str(tmp_path / "proof"), LOG.file().key).code == MISUSED


@pytest.mark.parametrize("flags", [(), ("-O",), ("-OO", "-I", "-S", "-X", "utf8=0")])
def test_program_by_itself_refuses_and_accepts(flags: tuple[str, ...], tmp_path: Path) -> None:
    bundle = LOG.file()
    (tmp_path / "file").write_bytes(b"".join(bundle.rows))
    (tmp_path / "proof").write_bytes(bundle.proof)
    command = [sys.executable, *flags, PROGRAM, *map(str, (tmp_path / "file", tmp_path / "proof"))]
    environment = {"PYTHONIOENCODING": "ascii"}
    good = subprocess.run([*command, bundle.key], capture_output=True, check=False, env=environment)
    assert (good.returncode, good.stderr) == (PROVEN, b"")
    changed = b"".join([written(event(0, activity="user.delete")), *bundle.rows[1:]])
    (tmp_path / "file").write_bytes(changed)
    bad = subprocess.run([*command, bundle.key], capture_output=True, check=False, env=environment)
    assert (bad.returncode, bad.stderr) == (REFUSED, b"")
    assert b"activity is not as it was written" in bad.stdout


@pytest.mark.parametrize(
    "forge",
    [
        lambda b: b.head.update(query={"\x1b[2J": ["é\x07"]}),
        lambda b: b.head.update(query={"ip": ["é\x1b"]}),
        lambda b: b.head.update(query={"from": 1 << 62}),
        lambda b: b.head.update(checkpoint="é\x1b"),
        lambda b: b.lines[1].update(erased={"é\x1b": "AAAA"}),
        lambda b: b.lines[1].update(erased={"５": "AAAA"}),
        lambda b: b.change_row(0, lambda row: row.update(occurred_at="é\x1b")),
    ],
)
def test_words_of_a_forger_do_not_reach_the_terminal(forge: Callable[[Bundle], object]) -> None:
    bundle = LOG.file()
    forge(bundle)
    code, words = answer(bundle)
    assert code in (REFUSED, INCOMPLETE)
    assert words.isascii()
    assert "\x1b" not in words
