"""Text is compared by one rule: Unicode's compatibility forms composed, and case folded."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import ARRAY, Engine, Text, bindparam, select, text

from auditsaas.events.folding import fold
from auditsaas.events.models import events
from auditsaas.events.search.parser import parse
from auditsaas.events.search.to_sql import condition
from auditsaas.workspaces.models import Workspace
from tests.support.cases import cases
from tests.support.factories import append_events, event_input, scoped

CHARACTERS = [chr(n) for n in range(1, sys.maxunicode + 1) if not 0xD800 <= n < 0xE000]
HAS_CASE = {c for c in CHARACTERS if len({c, c.upper(), c.lower(), c.title(), c.casefold()}) > 1}
CASED = sorted(HAS_CASE)
CHANGED = [c for c in CHARACTERS if normalize("NFKD", c) != c or c in HAS_CASE]

FORMS = {
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
    "folded": str.casefold,
    "decomposed": lambda letter: normalize("NFD", letter),
    "decomposed upper": lambda letter: normalize("NFD", letter.upper()),
}

NORMALIZED = text("SELECT normalize(one, NFKC) FROM unnest(:all) AS one").bindparams(
    bindparam("all", type_=ARRAY(Text))
)
FOLDED = text("SELECT fold_text(one) FROM unnest(:all) AS one").bindparams(
    bindparam("all", type_=ARRAY(Text))
)


def in_sql(engine: Engine, statement: object, texts: Sequence[str]) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(statement, {"all": list(texts)}))  # type: ignore[call-overload]


def test_every_character_is_folded_alike_in_sql_and_python(engine: Engine) -> None:
    """Save those that this PostgreSQL or this Python knows no forms of yet."""
    both_know = [
        character
        for character, normal in zip(CHANGED, in_sql(engine, NORMALIZED, CHANGED), strict=True)
        if normal == normalize("NFKC", character)
    ]
    assert len(both_know) > 0.99 * len(CHANGED)
    assert dict(zip(both_know, in_sql(engine, FOLDED, both_know), strict=True)) == {
        character: fold(character) for character in both_know
    }


@pytest.fixture(scope="module")
def words() -> list[str]:
    """Words of a hundred letters, which together hold every letter that has case."""
    return [".".join(CASED[n : n + 100]) for n in range(0, len(CASED), 100)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.usefixtures("engine")
def test_search_finds_every_letter_that_has_case_by_each_of_its_forms(
    workspace: Workspace, words: list[str], form: str
) -> None:
    append_events(workspace, [event_input(path=f"/{word}/") for word in words])
    typed = [".".join(map(FORMS[form], word.split("."))) for word in words]
    assert [found_paths(workspace, f"/{word}/") for word in typed] == [
        [f"/{word}/"] for word in words
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.usefixtures("engine")
def test_search_finds_every_form_by_the_letter(
    workspace: Workspace, words: list[str], form: str
) -> None:
    stored = [".".join(map(FORMS[form], word.split("."))) for word in words]
    append_events(workspace, [event_input(path=f"/{word}/") for word in stored])
    assert [found_paths(workspace, f"/{word}/") for word in words] == [
        [f"/{word}/"] for word in stored
    ]


@pytest.mark.usefixtures("engine")
def test_search_does_not_find_another_letter(workspace: Workspace) -> None:
    append_events(workspace, [event_input(path="/Élodie/café/straße")])
    missed = ("elodie", "cafe", "é́lodie", "Èlodie", "strase")
    assert [found_paths(workspace, word) for word in missed] == [[]] * len(missed)


def found_paths(workspace: Workspace, word: str) -> list[str | None]:
    (term,) = parse(f'"{word}"')
    found = select(events.c.path).where(events.c.workspace_id == workspace.id, condition(term))
    with scoped(workspace.id) as session:
        return list(session.scalars(found))


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("key", ["note", "＂quoted＂", "back＼slash"])
def test_search_finds_characters_that_normalise_to_a_quote(workspace: Workspace, key: str) -> None:
    append_events(workspace, [event_input(metadata={"Ä": key}, path="/here")])
    typed = normalize("NFKC", key).replace("\\", "\\\\").replace('"', '\\"')
    assert found_paths(workspace, key) == ["/here"]
    assert found_paths(workspace, typed) == ["/here"]


TEXTS = st.text(st.sampled_from([*"aIi'\" /1", *"\u0301\u0307\u0323\u0345", *CASED]), max_size=12)


@given(st.lists(TEXTS, min_size=20, max_size=60))
@settings(max_examples=cases(10))
def test_folding_is_idempotent(engine: Engine, texts: list[str]) -> None:
    once = [fold(given) for given in texts]
    assert [fold(given) for given in once] == once
    assert in_sql(engine, FOLDED, texts) == once
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert [fold(normalize(form, given)) for given in texts] == once


def test_folding_is_unicodes_but_for_the_dots_of_i() -> None:
    """NFKC(toCasefold(NFKC(toCasefold(NFD(X))))) of the standard, 3.13, definition D146."""
    different = []
    for character in CHANGED:
        once = normalize("NFKC", normalize("NFD", character).casefold())
        if normalize("NFKC", once.casefold()) != fold(character):
            different.append(character)
    assert different == ["İ", "ı", "𝚤"]
