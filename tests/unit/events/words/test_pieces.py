"""The pieces of a text, and the signature of a block, let through whatever is in them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditsaas.events.words import signatures
from auditsaas.events.words.pieces import different, pieces, typed, unwritten, written
from tests.support.cases import cases

LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXTS = st.text(LETTERS, max_size=60) | st.text("ab1 -_\n\tß\u0301İ中\u2028", max_size=60)


def bit(signature: bytes, number: int) -> bool:
    number %= 8 * len(signature)
    return bool(signature[number // 8] >> number % 8 & 1)


@settings(max_examples=cases(300))
@given(st.lists(TEXTS, min_size=1, max_size=5), st.data())
def test_whatever_is_in_a_text_is_let_through(texts: list[str], data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(texts))
    first = data.draw(st.integers(0, len(text)))
    last = data.draw(st.integers(first, len(text)))
    found = set[bytes]().union(*map(different, texts))
    words, signature = written(found), signatures.sign(found)
    asked = typed(text[first:last])
    assert all(piece.between_lines in words for piece in asked)
    assert all(bit(signature, one) for one in signatures.hashes(asked))


@settings(max_examples=cases(300))
@given(TEXTS)
def test_pieces_of_bytes_are_those_of_letters(text: str) -> None:
    assert different(text) == {piece.encode() for piece in pieces(text)}
    assert unwritten(written(different(text))) == different(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann.lee@acme", [("ann", False, True), ("lee", True, True), ("acme", True, False)]),
        ("-x-", [("x", True, True)]),
        ("...", []),
        ("中文 ж", [("中文", False, True), ("ж", True, False)]),
    ],
)
def test_inner_pieces_are_whole_and_outer_ones_open(
    text: str, expected: list[tuple[str, bool, bool]]
) -> None:
    assert [(one.text, one.begins, one.ends) for one in typed(text)] == expected


@pytest.mark.parametrize("number", [10, 30, 700, 3_000])
def test_signature_is_as_long_as_its_words_need(number: int) -> None:
    words = {f"{n * 7919:06x}".encode() for n in range(number)}
    signature = signatures.sign(words)
    set_bits = int.from_bytes(signature, "little").bit_count()
    assert 0.15 < set_bits / (8 * len(signature)) < 0.45


def test_signature_of_very_many_words_still_fits_into_a_row() -> None:
    words = {chr(0x4E00 + n).encode() + chr(0x6E00 - n).encode() for n in range(15_000)}
    assert len(signatures.sign(words)) == signatures.MOST_BITS // 8


def test_signature_of_usual_words_keeps_out_what_is_not_there() -> None:
    words = {f"req{n * 2654435761 % 2**32:08x}".encode() for n in range(250)}
    signature = signatures.sign(words)
    others = [f"req{n * 2246822519 % 2**32:08x}" for n in range(1, 1001)]
    passing = [
        other
        for other in others
        if all(bit(signature, one) for one in signatures.hashes(typed(other)))
    ]
    assert len(passing) < 100
