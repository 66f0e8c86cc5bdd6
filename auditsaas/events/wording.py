"""Words msgspec's validation errors as sentences of an answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from auditsaas.errors import FieldError

_EXAMPLE = "2026-11-20T12:00:00Z"
_WANTED = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "datetime": f"a time such as {_EXAMPLE}",
}
_GOT = _WANTED | {"int": "a number", "float": "a number with a fraction", "bool": "true or false"}
_UNITS = {"str": "character", "array": "item"}
_CHOICES = {"status": "success or error", "actor.status": "active or disabled"}

_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str], str]], ...] = (
    (
        re.compile(r"Expected `(?P<wanted>[^`]+)`, got `(?P<got>[^`]+)`"),
        lambda found, _: f"must be {_wanted(found['wanted'])}, not {_got(found['got'])}",
    ),
    (
        re.compile(r"Expected `(?P<kind>str|array)` of length (?P<way>[<>]=) (?P<count>\d+)"),
        lambda found, _: f"must hold {_at(found['way'], found['count'])} {_unit(found)}",
    ),
    (
        re.compile(r"Expected `(?:int|float)` (?P<way>[<>]=) (?P<count>[-\d.]+)"),
        lambda found, _: f"must be {_at(found['way'], found['count'])}",
    ),
    (
        re.compile(r"Invalid enum value .*", re.DOTALL),
        lambda _, path: f"must be {_CHOICES.get(path, 'one of the values it has')}",
    ),
    (
        re.compile(r"Invalid RFC3339 encoded datetime"),
        lambda *_: f"must be a time as in RFC 3339, such as {_EXAMPLE}",
    ),
    (
        re.compile(r"Expected `datetime` with a timezone component"),
        lambda *_: "must name its zone: Z at the end, or an offset such as +01:00",
    ),
)


def field_error(name: str, message: str) -> FieldError:
    """Word the error of the field ``name``, or of the one inside it that the message names."""
    text, _, path = message.partition(" - at `$")
    inner = path.rstrip("`")
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", text, re.DOTALL)
    missing = re.fullmatch(r"Object missing required field `(.*)`", text)
    if unknown:
        path = f"{name}{inner}.{shown(unknown[1])}".lstrip(".")
        return FieldError(path, "is not a known field")
    if missing:
        return FieldError(f"{name}{inner}.{missing[1]}".lstrip("."), "is required")
    path = f"{name}{inner}".lstrip(".")
    for pattern, words in _RULES:
        if found := pattern.fullmatch(text):
            return FieldError(path, words(found, path))
    text = text.replace("`", "")
    return FieldError(path, text[:1].lower() + text[1:])


def shown(name: object) -> str:
    """Shorten a name to text that an answer can hold."""
    return str(name)[:128].encode("utf-8", "replace").decode()


def _wanted(kinds: str) -> str:
    named = [_WANTED.get(kind, kind) for kind in kinds.split(" | ") if kind != "null"]
    return " or ".join(named)


def _got(kind: str) -> str:
    return _GOT.get(kind, kind)


def _at(way: str, count: str) -> str:
    number = f"{float(count):,.0f}"
    return f"at most {number}" if way == "<=" else f"{number} or more"


def _unit(found: re.Match[str]) -> str:
    unit = _UNITS[found["kind"]]
    return unit if found["way"] == "<=" and found["count"] == "1" else f"{unit}s"


def alternatives(words: Sequence[str]) -> str:
    """Write ``a``, or ``a, b or c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
