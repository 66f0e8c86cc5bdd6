from __future__ import annotations

import statistics
import time

import pytest

from auditsaas.accounts import passwords
from auditsaas.errors import Invalid


def test_only_the_right_password_matches() -> None:
    kept = passwords.hashed("correct horse battery")
    assert passwords.matches("correct horse battery", kept)
    assert not passwords.matches("correct horse batterz", kept)


def test_the_hash_is_argon2id_with_owasps_parameters() -> None:
    assert passwords.hashed("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_hash_with_other_parameters_needs_rehashing() -> None:
    kept = passwords.hashed("x")
    assert not passwords.outdated(kept)
    assert passwords.outdated(kept.replace("t=2", "t=1"))


def test_user_without_a_password_matches_no_password() -> None:
    assert not passwords.matches("nobody has this password", None)


def test_password_made_of_the_products_words_is_refused() -> None:
    with pytest.raises(Invalid):
        passwords.refuse_weak("auditsaasworkspace")
    passwords.refuse_weak("violet tractor hums lightly")


@pytest.mark.parametrize(
    "password",
    [
        "mallory mallory",
        "violet MALLORY tractor hums",
        "m.a.l.l.o.r.y violet tractor",
        "ｍａｌｌｏｒｙ violet tractor",
        "violet tractor okonkwo",
        "violet tractor o'konkwo hums",
        "mallokonkwo7 violet evilcorp",
        "MalloryOkonkwo-violet-tractor",
    ],
)
def test_password_with_a_part_of_the_owners_name_or_address_is_refused(password: str) -> None:
    with pytest.raises(Invalid, match="no part of your name or address"):
        passwords.refuse_weak(password, owner=("mallory@evilcorp.example", "Mallory O'Konkwo"))


@pytest.mark.parametrize("name", ["Ann", "Li Bo", "", "---"])
def test_short_part_of_a_name_may_be_in_a_password(name: str) -> None:
    passwords.refuse_weak("planned violet tractor", owner=(name,))


def test_malformed_hash_matches_no_password() -> None:
    assert not passwords.matches("x", "not a hash")


def test_overlong_password_never_matches() -> None:
    kept = passwords.hashed("x" * 2000)
    assert not passwords.matches("x" * 2000, kept)


def test_unknown_user_takes_as_long_as_a_wrong_password() -> None:
    kept = passwords.hashed("correct horse battery")
    passwords.matches("warm up", None)
    unknown, wrong = [], []
    for _ in range(9):
        unknown.append(_seconds(None))
        wrong.append(_seconds(kept))
    ratio = statistics.median(unknown) / statistics.median(wrong)
    assert 0.5 < ratio < 2


def _seconds(password_hash: str | None) -> float:
    start = time.perf_counter()
    passwords.matches("a wrong password", password_hash)
    return time.perf_counter() - start


@pytest.mark.parametrize(
    "password",
    [
        "tulip anchor velvet comet",
        "TULIPANCHORVELVETCOMET",
        "тюльпан якорь бархат комета",
        "🌷⚓🧶☄️🌋🦦🪗🧭🫖🪁🦔🧊",
    ],
)
def test_words_alone_are_a_password(password: str) -> None:
    passwords.refuse_weak(password, owner=("ann@example.com", "Ann Lee"))
    assert passwords.matches(password, passwords.hashed(password))


def test_password_of_a_thousand_characters_is_taken() -> None:
    password = "".join(chr(97 + n * n % 26) for n in range(1_000)) + "tulip anchor velvet"
    passwords.refuse_weak(password)
    kept = passwords.hashed(password)
    assert passwords.matches(password, kept)
    assert not passwords.matches(password[:-1], kept)
    assert not passwords.matches(password.swapcase(), kept)
