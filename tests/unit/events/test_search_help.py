"""The help beside the search box is made from the keys that the parser takes."""

from __future__ import annotations

import pytest

from auditsaas.events.search.parser import parse
from auditsaas.events.search.terms import KEYS, key_named, syntax


@pytest.mark.parametrize("name", [*KEYS, "meta.plan"])
def test_help_has_an_example_and_a_meaning_of_every_key(name: str) -> None:
    explained = {parse(term)[0].key: words for term, words in syntax()}
    assert len(explained[name]) > len("an event")


def test_help_has_no_line_that_the_parser_does_not_take() -> None:
    for term, words in syntax():
        [parsed] = parse(term)
        assert parsed.key is None or key_named(parsed.key), words
    assert len(syntax()) == len({term for term, _ in syntax()}) == len(KEYS) + 2


def test_meanings_tell_the_keys_apart() -> None:
    meanings = [words for _, words in syntax()]
    assert len(meanings) == len(set(meanings))
