"""Rows of a sheet as XML, where the quick way writes what the careful one does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditsaas.exports.writers.sheet_rows import PLAIN, are_plain, number, text
from tests.support.cases import cases

TEXTS = st.lists(st.text(max_size=6) | st.sampled_from(["_x0041_", " a", "a ", "a|b", "<r>"]))


@given(TEXTS)
@settings(max_examples=cases(200))
def test_texts_that_are_plain_are_written_alike_both_ways(values: list[str]) -> None:
    if are_plain(values):
        assert [value.join(PLAIN[::2]) for value in values] == [text(value) for value in values]


@pytest.mark.parametrize("value", ["Ann", "Ann É 𝄞", "a b", '{"n":[1,"x"]}', "=1+1", ""])
def test_common_text_is_plain(value: str) -> None:
    assert are_plain(["x", value, "y"])


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a & b < c > d", "<t>a &amp; b &lt; c &gt; d</t>"),
        ("\x01", "<t>_x0001_</t>"),
        ("\r", '<t xml:space="preserve">_x000D_</t>'),
        ("_x0041_", "<t>_x005F_x0041_</t>"),
        ("\uffff", "<t>_xFFFF_</t>"),
        (" a", '<t xml:space="preserve"> a</t>'),
        ("a\n", '<t xml:space="preserve">a\n</t>'),
    ],
)
def test_text_that_xml_cannot_hold_as_it_is_is_escaped(value: str, written: str) -> None:
    assert not are_plain(["x", value, "y"])
    assert text(value) == f'<c t="inlineStr"><is>{written}</is></c>'


@pytest.mark.parametrize("value", [0, 2**53, 0.1, 1e-7, 86_400_000.0])
def test_number_is_written_so_that_it_reads_back(value: float) -> None:
    assert float(number(value)[6:-8]) == value
