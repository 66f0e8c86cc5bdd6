from __future__ import annotations

import hashlib

import pytest

from auditsaas import tokens


def test_tokens_are_well_formed_and_differ() -> None:
    made = {tokens.new() for _ in range(100)}
    assert len(made) == 100
    assert all(tokens.well_formed(token) for token in made)


@pytest.mark.parametrize(
    "text", ["", "a" * 42, "a" * 44, "a" * 42 + "é", "a" * 42 + "\ud800", "a" * 43 + "\n"]
)
def test_other_text_is_not_well_formed(text: str) -> None:
    assert not tokens.well_formed(text)


def test_digest_is_sha256_of_the_text() -> None:
    assert tokens.digest("secret") == hashlib.sha256(b"secret").digest()


def test_text_that_is_not_unicode_has_a_digest() -> None:
    assert len(tokens.digest("\ud800")) == 32
