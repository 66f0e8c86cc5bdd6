"""Works out what an expression of a mapping says of a record."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from auditsaas.events.importers.cloudtrail import snake
from auditsaas.events.importers.mapping.form import Expression, Need
from auditsaas.events.importers.mapping.paths import Found, Path, Place, find
from auditsaas.events.importers.outcome import NOTHING

LONGEST_WORD = 8192
"""Characters of a text of which the case is changed."""
_NO_WORD = re.compile(r"[^\w.:*]+")


@dataclass(frozen=True, slots=True)
class Said:
    """A value, and where it came from."""

    value: Any
    places: tuple[Place, ...] = ()
    is_whole: bool = True
    """Whether the value can be told from what became of it, so that nothing more need be kept."""

    @property
    def text(self) -> str | None:
        return text_of(self.value)


def said(expression: Expression | None, record: object, at: Place = ()) -> Said | None:
    """Evaluate an expression for a record found ``at`` a place; None for nothing."""
    if expression is None or (expression.when and not has(record, expression.when)):
        return None
    found = _raw(expression, record, at)
    if found is None:
        return None
    if expression.values:
        found = _looked_up(expression, found)
    return _in_case(found, expression.case) if expression.case and found else found


def text_of(value: object) -> str | None:
    """Read a value as text: a number as written, `true` or `false`, a list's first; or None."""
    if isinstance(value, str):
        text = value.strip()
        return None if text in NOTHING else text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        return next((text for text in map(text_of, value) if text is not None), None)
    return None


def has(record: object, need: Need) -> bool:
    """Check that a record has what is needed of it."""
    for path in need.paths:
        found = find(record, path)
        if found is not None and (
            not need.values or (text_of(found.value) or "").lower() in need.values
        ):
            return True
    return False


def paths_of(expression: Expression | None) -> list[Path]:
    """List every path that an expression reads."""
    if expression is None:
        return []
    own = [] if expression.path is None else [expression.path]
    texts = [piece for piece in expression.template if isinstance(piece, tuple)]
    return [*own, *texts, *(path for inner in expression.first for path in paths_of(inner))]


def _raw(expression: Expression, record: object, at: Place) -> Said | None:
    if expression.constant is not None:
        return Said(expression.constant)
    if expression.path is not None:
        found = find(record, expression.path, at)
        return None if found is None else _of(found)
    if expression.template:
        return _filled(expression.template, record, at)
    tried = (said(inner, record, at) for inner in expression.first)
    return next((one for one in tried if one is not None), None)


def _of(found: Found) -> Said | None:
    if isinstance(found.value, str):
        text = found.value.strip()
        return None if text in NOTHING else Said(text, (found.place,))
    is_one = not isinstance(found.value, list) or len(found.value) == 1
    return Said(found.value, (found.place,), is_one)


def _filled(template: tuple[str | Path, ...], record: object, at: Place) -> Said | None:
    """Fill the template with its values; None where one of them says nothing."""
    texts: list[str] = []
    places: list[Place] = []
    is_whole = True
    for piece in template:
        if isinstance(piece, str):
            texts.append(piece)
            continue
        found = find(record, piece, at)
        text = None if found is None else text_of(found.value)
        if found is None or text is None:
            return None
        texts.append(text)
        places.append(found.place)
        is_whole = is_whole and not isinstance(found.value, list)
    return Said("".join(texts), tuple(places), is_whole)


def _looked_up(expression: Expression, found: Said) -> Said | None:
    text = found.text
    if text is None:
        return None if expression.is_closed else found
    word = text.lower()
    key = word if word in expression.values else _prefix_of(word, expression)
    if key is None and expression.otherwise is None:
        return None if expression.is_closed else found
    value = expression.otherwise if key is None else expression.values[key]
    return None if value is None else Said(value, found.places, is_whole=False)


def _prefix_of(word: str, expression: Expression) -> str | None:
    """Find the longest of the table's prefixes that a word begins with."""
    starts = [key for key in expression.values if key[-1:] == "*" and word.startswith(key[:-1])]
    return max(starts, key=len, default=None)


def _in_case(found: Said, case: str) -> Said:
    text = found.text
    if text is None:
        return found
    changed = _CASES[case](text[:LONGEST_WORD])
    return Said(changed, found.places, found.is_whole and changed == text)


def _snake(text: str) -> str:
    """Write `Add user.` as `add_user`, `FileAccessed` as `file_accessed`, `log-in` as `log_in`."""
    return _NO_WORD.sub("_", snake(text)).strip("_.")


_CASES = {"lower": str.lower, "upper": str.upper, "snake": _snake}
