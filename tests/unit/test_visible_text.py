from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from auditsaas.formatting.visible_text import visible


def test_a_direction_override_is_shown_instead_of_obeyed() -> None:
    assert visible("invoice\u202egnp.exe") == "invoice‹U+202E›gnp.exe"


def test_zero_width_characters_cannot_make_two_names_look_alike() -> None:
    assert visible("ad\u200bmin") == "ad‹U+200B›min"
    assert visible("\U000e0061") == "‹U+E0061›"


def test_emoji_sequence_is_kept() -> None:
    assert visible("👩‍💻 👩🏽‍🚀") == "👩‍💻 👩🏽‍🚀"


def test_a_joiner_between_letters_is_shown() -> None:
    assert visible("a\u200db") == "a‹U+200D›b"


@given(st.text())
def test_no_control_or_direction_character_remains(text: str) -> None:
    reordering = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    for character in visible(text):
        assert unicodedata.category(character) != "Cc"
        assert unicodedata.bidirectional(character) not in reordering


@given(st.text(alphabet=st.characters(categories=("L", "N", "P", "Zs", "Sm", "Sc"))))
def test_ordinary_text_is_unchanged(text: str) -> None:
    hidden = "\u115f\u1160\u3164\uffa0"
    assert visible(text) == text or any(c in hidden for c in text)
