"""The rows of a sheet as XML (ECMA-376, 18.3.1.73), made a text at a time.

XlsxWriter makes an object of every cell; here a row is one join. Cells carry no references, which
the format leaves open, so that each must be there, empty or not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

LONGEST_TEXT: Final = 32_767
"""UTF-16 units in a cell (Microsoft, "Excel specifications and limits")."""
EMPTY: Final = "<c/>"
PLAIN: Final = ('<c t="inlineStr"><is><t>', "", "</t></is></c>")
"""What stands before and behind a text of which ``are_plain`` is true, and its place."""

_MARKUP = re.compile("[&<>]")
_NO_CHARACTER = re.compile("[\\x00-\\x08\\x0b-\\x1f\\ufffe\\uffff]|_x[0-9a-fA-F]{4}_")
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}

Cell = Callable[[Any], str]
"""Writes a value that is there as a cell."""


def text(value: str) -> str:
    """Write a text, which is never a formula, a link or a number, whatever it looks like."""
    space = ' xml:space="preserve"' if value[:1].isspace() or value[-1:].isspace() else ""
    if _MARKUP.search(value):
        value = _MARKUP.sub(lambda found: _ENTITIES[found.group()], value)
    value = escaped_characters(value)
    return f'<c t="inlineStr"><is><t{space}>{value}</t></is></c>'


def are_plain(values: Sequence[str]) -> bool:
    """Tell whether ``text`` would write all these as they are, by one look at them together.

    Those that a cell may not hold are never plain.
    """
    joined = "|".join(values)
    return (
        len(joined) <= LONGEST_TEXT // 2
        and joined.isprintable()
        and not any(mark in joined for mark in ("&", "<", ">", "_x", " |", "| "))
        and joined[:1] != " " != joined[-1:]
    )


def number(value: float) -> str:
    return f"<c><v>{value!r}</v></c>"


def styled(value: float, style: int) -> str:
    """Write a number that is shown by one of the book's formats."""
    return f'<c s="{style}"><v>{value!r}</v></c>'


def fitted(value: str) -> str:
    """Return the text itself, or its beginning and an ellipsis where a cell cannot hold it all."""
    if len(value) <= LONGEST_TEXT // 2 or len(value.encode("utf-16-le")) // 2 <= LONGEST_TEXT:
        return value
    return value.encode("utf-16-le")[: 2 * (LONGEST_TEXT - 1)].decode("utf-16-le", "ignore") + "…"


def escaped_characters(value: str) -> str:
    """Escape as Excel does: ``_xHHHH_`` for a character that XML has not, and for such a text."""
    return _NO_CHARACTER.sub(_escaped, value) if _NO_CHARACTER.search(value) else value


def _escaped(found: re.Match[str]) -> str:
    shown = found.group()
    return f"_x005F{shown}" if len(shown) > 1 else f"_x{ord(shown):04X}_"
