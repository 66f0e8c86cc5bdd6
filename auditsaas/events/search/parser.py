r"""The search box's language: words and ``key:value`` terms, all of which must hold.

    query  = term *( space term )
    term   = [ "-" ] ( quoted / word / key ":" [ op ] value *( "," value ) )
    value  = quoted / bare            ; a bare value ends at a space or comma
    quoted = '"' *( \" / \\ / any other character ) '"'
    op     = ">" / ">=" / "<" / "<="  ; for ms and code only

It is read from left to right, once, without recursion.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from auditsaas.events.search.completion import Suggestion, TypedPart, part_at, suggest
from auditsaas.events.search.terms import (
    LONGEST,
    LONGEST_VALUE,
    META,
    MOST_VALUES,
    Key,
    Operator,
    QueryError,
    Term,
    key_named,
    nearest_key,
)
from auditsaas.events.search.values import BadValue, number_range, shown
from auditsaas.events.search.wording import describe
from auditsaas.text import normal_address, storable

__all__ = [
    "QueryError",
    "Suggestion",
    "Term",
    "TypedPart",
    "describe",
    "number_range",
    "parse",
    "part_at",
    "quoted",
    "suggest",
    "unparse",
]

MOST_TERMS = 50

_SPACE = re.compile(r"\s*")
_KEY = re.compile(r"(?P<name>meta\.[^\s:\",]{0,200}|[A-Za-z_]{1,40}|meta\.?):(?!//)", re.IGNORECASE)
_WORD = re.compile(r"\S+")
_BARE = re.compile(r"[^\s,]*")
_QUOTED = re.compile(r"\"(?P<text>[^\"\\]*+(?:\\.[^\"\\]*+)*+)\"", re.DOTALL)
_COMPARISON = re.compile(r"[<>]=?")


def parse(text: str) -> tuple[Term, ...]:
    """Parse the terms of a query; none for a blank one.

    Raises:
        QueryError: it cannot be understood.
    """
    if len(text) > LONGEST:
        raise QueryError(
            f"A search holds {LONGEST:,} characters; this has {len(text):,}",
            LONGEST, len(text), shown(text[LONGEST:]),
        )  # fmt: skip
    if not storable(text):
        raise QueryError(
            "The search holds a character that no event can have", 0, len(text), shown(text)
        )
    return tuple(_Reader(text).terms())


def unparse(terms: Sequence[Term]) -> str:
    """Write a query that reads as ``terms``; their positions do not matter."""
    return " ".join(map(_written, terms))


def _written(term: Term) -> str:
    sign = "-" if term.negated else ""
    values = [
        quoted(value) if term.quoted or _needs_quotes(value, term) else value
        for value in term.values
    ]
    if term.key is None:
        return sign + values[0]
    return f"{sign}{term.key}:{'' if term.op == '=' else term.op}{','.join(values)}"


def quoted(value: str) -> str:
    """Write a value in quotes, as the search box takes it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _needs_quotes(value: str, term: Term) -> bool:
    if not value or '"' in value or re.search(r"\s", value):
        return True
    if term.key is not None:
        return "," in value
    return (value.startswith("-") and not term.negated) or bool(
        _KEY.match(value) and not normal_address(value)
    )


class _Reader:
    """Walks over the text; ``_at`` never goes back."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._start = 0

    def terms(self) -> list[Term]:
        found: list[Term] = []
        while self._skip_space():
            found.append(self._term())
            if len(found) > MOST_TERMS:
                raise self._error(f"A search holds {MOST_TERMS} terms; this one has more")
        return found

    def _skip_space(self) -> bool:
        self._at = _match_end(_SPACE, self._text, self._at)
        self._start = self._at
        return self._at < len(self._text)

    def _term(self) -> Term:
        negated = self._text.startswith("-", self._at)
        self._at += negated
        if self._text.startswith('"', self._at):
            words = self._quoted()
            self._expect_end_of_value(keyed=False)
            return Term(negated, None, (words,), "=", self._start, self._at, quoted=True)
        word = _WORD.match(self._text, self._at)
        if word is None:
            raise self._error("Nothing follows the -")
        named = _KEY.match(self._text, self._at)
        if named and not normal_address(word[0]):
            return self._keyed(negated, named)
        self._at = word.end()
        if '"' in word[0]:
            raise self._misplaced_quote()
        self._limit(word[0])
        return Term(negated, None, (word[0],), "=", self._start, self._at)

    def _keyed(self, negated: bool, named: re.Match[str]) -> Term:
        key = key_named(named["name"])
        if key is None:
            raise self._unknown_key(named["name"])
        self._at = named.end()
        op = self._operator(key)
        values = []
        quoted = False
        while True:
            is_quoted = self._text.startswith('"', self._at)
            values.append(self._value(key, is_quoted))
            quoted = quoted or is_quoted
            if not self._text.startswith(",", self._at):
                break
            self._at += 1
        if op != "=" and (len(values) > 1 or not values[0].replace(".", "", 1).isdigit()):
            raise self._error(f"{key.label} is compared with one number")
        if len(values) > MOST_VALUES:
            raise self._error(f"A term holds {MOST_VALUES} values; this has {len(values)}")
        unique = tuple(dict.fromkeys(values))
        return Term(negated, key.name, unique, op, self._start, self._at, quoted)

    def _operator(self, key: Key) -> Operator:
        match = _COMPARISON.match(self._text, self._at) if key.compares else None
        if match is None:
            return "="
        self._at = match.end()
        return {">": ">", ">=": ">=", "<": "<", "<=": "<="}[match[0]]  # type: ignore[return-value]

    def _value(self, key: Key, is_quoted: bool) -> str:
        if is_quoted:
            value = self._quoted()
            self._expect_end_of_value(keyed=True)
        else:
            start = self._at
            self._at = _match_end(_BARE, self._text, start)
            value = self._text[start : self._at]
            if '"' in value:
                raise self._misplaced_quote()
        if not value:
            raise self._error(f"{key.label} needs a value right after {key.name}:")
        self._limit(value)
        try:
            return key.check(value)
        except BadValue as error:
            raise self._error(str(error)) from None

    def _quoted(self) -> str:
        match = _QUOTED.match(self._text, self._at)
        if match is None:
            self._at = len(self._text)
            raise self._error("The quote is not closed", suggestion_end='"')
        self._at = match.end()
        if not match["text"].strip():
            raise self._error("There is nothing between the quotes")
        words = re.sub(r"\\([\"\\])", r"\1", match["text"])
        self._limit(words)
        return words

    def _expect_end_of_value(self, *, keyed: bool) -> None:
        after = self._text[self._at : self._at + 1]
        if after and not after.isspace() and not (keyed and after == ","):
            raise self._error("A space must follow the closing quote")

    def _limit(self, value: str) -> None:
        if len(value) > LONGEST_VALUE:
            raise self._error(f"A value holds {LONGEST_VALUE} characters; this has {len(value)}")

    def _misplaced_quote(self) -> QueryError:
        return self._error("A quote belongs before the first character of a value")

    def _unknown_key(self, name: str) -> QueryError:
        if name.lower().rstrip(".") == "meta":
            return self._error("meta needs the name of a field, such as meta.plan:pro")
        nearest = None if name.lower().startswith(META) else nearest_key(name)
        hint = f"Did you mean {nearest}?" if nearest else "Put the term in quotes to search for it"
        error = self._error(f"Unknown key '{shown(name)}'. {hint}")
        if nearest:
            error.suggestion = error.term.replace(name, nearest, 1)
        return error

    def _error(self, message: str, suggestion_end: str = "") -> QueryError:
        """Build an error about the whole term that was being read."""
        end = max(self._at, _match_end(_WORD, self._text, self._at))
        term = self._text[self._start : end]
        suggestion = term + suggestion_end if suggestion_end else None
        return QueryError(message, self._start, end, term, suggestion)


def _match_end(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start
