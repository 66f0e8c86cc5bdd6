"""Completes the search box: keys, fixed values and comparisons.

Values that only the log knows are added by its caller, in the part that ``part_at`` finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from auditsaas.events.folding import fold
from auditsaas.events.search.terms import KEYS, LONGEST, META, Key, key_named

_TOKEN = re.compile(r"(?:\"(?:[^\"\\]|\\.)*(?:\"|$)|[^\s\"])+", re.DOTALL)
_COMPARISONS = (
    (">", "more than"),
    (">=", "at least"),
    ("<", "less than"),
    ("<=", "at most"),
)
MOST = 12


@dataclass(frozen=True)
class Suggestion:
    """``text`` to put in place of ``start`` to ``end`` of the query, with a word about it."""

    text: str
    label: str
    start: int
    end: int


@dataclass(frozen=True)
class TypedPart:
    """The part under the cursor: a key's value or, without key, a word.

    ``prefix`` is what stands between ``start`` and the cursor, without an opening quote.
    """

    key: str | None
    prefix: str
    start: int
    end: int


def fit(text: str, typed: str) -> int:
    """Rank how what was typed stands in a text: 3 at its beginning, 2 at that of a word, 1, 0."""
    text, typed = fold(text), fold(typed)
    if text.startswith(typed):
        return 3
    found = re.search(rf"(?<![^\W_]){re.escape(typed)}", text)
    return 2 if found else int(typed in text)


def part_at(text: str, cursor: int) -> TypedPart:
    """Find the part of the query at ``cursor``."""
    cursor = max(0, min(cursor, len(text)))
    token = next((t for t in _TOKEN.finditer(text) if t.start() < cursor <= t.end()), None)
    if token is None:
        return TypedPart(None, "", cursor, cursor)
    start = token.start() + (text[token.start()] == "-")
    name, colon, _ = text[start:cursor].partition(":")
    key = key_named(name) if colon else None
    if key is None:
        return TypedPart(None, text[start:cursor], min(start, cursor), token.end())
    # The part after the last comma that is not inside quotes.
    begin = start + len(name) + 1
    part = begin
    inside = False
    for index in range(begin, cursor):
        if text[index] == '"':
            inside = not inside
        elif text[index] == "," and not inside:
            part = index + 1
    comma = token.end() if inside else text.find(",", cursor, token.end())
    end = token.end() if comma == -1 else comma
    return TypedPart(key.name, text[part:cursor].lstrip('"'), part, end)


def suggest(text: str, cursor: int) -> list[Suggestion]:
    """Suggest completions at ``cursor``, best first; at most MOST."""
    if len(text) > LONGEST:
        return []
    place = part_at(text, cursor)
    if place.key is not None:
        known = KEYS.get(place.key)
        found = _values(known, place) if known else iter(())
    else:
        found = _keys_and_values(place)
    return list(found)[:MOST]


def _values(key: Key, place: TypedPart) -> Iterator[Suggestion]:
    typed = fold(place.prefix)
    for value in key.choices:
        if fold(value).startswith(typed) and fold(value) != typed:
            yield Suggestion(value, key.label, place.start, place.end)
    if key.compares:
        for sign, words in _COMPARISONS:
            if sign.startswith(typed) and sign != typed:
                yield Suggestion(sign, f"{key.label} {words}", place.start, place.end)


def _keys_and_values(place: TypedPart) -> Iterator[Suggestion]:
    typed = fold(place.prefix)
    if typed.startswith('"'):
        return
    for name, key in KEYS.items():
        if name.startswith(typed):
            label = f"{key.label}, {key.hint}" if key.hint else key.label
            yield Suggestion(f"{name}:", label, place.start, place.end)
    if META.startswith(typed):
        yield Suggestion(META, "Metadata field, such as meta.plan:pro", place.start, place.end)
    if len(typed) < 2:
        return
    for name, key in KEYS.items():
        for value in key.choices:
            if fold(value).startswith(typed):
                yield Suggestion(f"{name}:{value}", key.label, place.start, place.end)
