"""Text as it is compared: composed (NFKC) and without case, on both sides of every comparison.

Wherever a person's words meet the log's text, in SQL or in Python, they go through here. PostgreSQL
folds by ``fold_text``, a function of the schema, so neither its locale nor a column's collation
has a say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any
from unicodedata import normalize

from sqlalchemy import (
    ColumnElement,
    SQLColumnExpression,
    Text,
    case,
    cast,
    collate,
    func,
    literal,
    or_,
    select,
)

LINE = "\n"
"""Between texts that are searched together; what is typed on one line holds none."""

_QUOTES = str.maketrans({"＂": '"', "＼": "\\", "﹨": "\\"})
"""Characters that JSON would have to escape once normalised, as ``fold_json`` has them."""

_DOTTED = re.compile("i\u0307+")


def fold(text: str) -> str:
    """Fold ``text`` for comparison, in Python; as ``fold_text`` does it in PostgreSQL."""
    if text.isascii():
        return text.lower()
    letters = normalize("NFKD", text).casefold().replace("ı", "i")
    return normalize("NFKC", _DOTTED.sub("i", letters))


def folded(text: SQLColumnExpression[str]) -> ColumnElement[str]:
    """Fold a column's text for comparison."""
    return func.fold_text(text)


def words_folded(words: str) -> ColumnElement[str]:
    """Fold a person's words for comparison; in a subquery, so that they are folded once."""
    return select(func.fold_text(literal(words, Text))).scalar_subquery()


def equals(text: ColumnElement[str], values: Sequence[str]) -> ColumnElement[bool]:
    """Compare a text with the values."""
    return folded(text).in_([words_folded(value) for value in values])


def starts_with(text: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """Compare the beginning of a text with ``prefix``."""
    return func.starts_with(folded(text), words_folded(prefix))


def matches(text: ColumnElement[str], patterns: Sequence[str]) -> ColumnElement[bool]:
    """Compare a text with the patterns, or with the beginnings that end in ``*``."""
    return or_(
        *(
            starts_with(text, pattern[:-1]) if pattern.endswith("*") else equals(text, [pattern])
            for pattern in patterns
        )
    )


def contains(texts: Sequence[SQLColumnExpression[str]], words: str) -> ColumnElement[bool]:
    """Search the words in any of the texts."""
    return func.strpos(together(texts), words_folded(words)) > 0


def together(texts: Sequence[SQLColumnExpression[str]]) -> ColumnElement[str]:
    """Fold texts for comparison, a line each.

    Texts that are all ASCII are told by their length and folded as one. In others, only the texts
    that are not take longer.
    """
    lines = func.concat_ws(LINE, *texts)
    return case(
        (func.octet_length(lines) == func.length(lines), func.lower(collate(lines, "C"))),
        else_=func.concat_ws(LINE, *map(folded, texts)),
    )


def json_contains(documents: Sequence[ColumnElement[Any]], words: str) -> ColumnElement[bool]:
    """Search the words in any of the JSON documents, in a key or a value."""
    return func.strpos(json_together(documents), words_folded(quoted(words))) > 0


def json_together(documents: Sequence[ColumnElement[Any]]) -> ColumnElement[str]:
    """Fold JSON documents for comparison, a line each."""
    return func.fold_json(func.concat_ws(LINE, *(cast(one, Text) for one in documents)))


def quoted(words: str) -> str:
    """Write words as they stand in a JSON document."""
    return json.dumps(words.translate(_QUOTES), ensure_ascii=False)[1:-1]
