"""Mappings that fit a page's inputs: each field of an event one line of text, and tables of words.

A line is a column or path, a template with braces, or a constant in quotes; alternatives stand
between bars: ``user.id | {org}:{login} | "unknown"``. What such lines cannot say is for JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Table
from typing import Any

from auditsaas.events.importers.mapping.checking import FIELDS, mapping_of
from auditsaas.events.importers.mapping.faults import MappingError
from auditsaas.events.importers.mapping.inputs import INPUTS

TABLES = ("activity", "status")
"""Fields whose words may be translated."""
TARGET = ("type", "id", "name")
LINES = (*FIELDS, "id", *(f"target.{name}" for name in TARGET))
OTHERS = ("title", "input", "zone", "under", "time_format", "duration_unit")
TEXTS = (*OTHERS, *LINES, *(f"{name}.values" for name in TABLES))
"""The names of all inputs."""
_ALTERNATIVE = re.compile(r'"[^"]*"|[^|"]+')
_ANY = "*"


def form_of(texts: Table[str, str]) -> dict[str, Any]:
    """Build the form that the inputs say; it is checked as any is."""
    told = {name: text.strip() for name, text in texts.items() if text.strip()}
    form: dict[str, Any] = {name: told[name] for name in ("title", "input", "zone") if name in told}
    if "under" in told:
        form["under"] = re.split(r"[,\s]+", told["under"])
    if "id" in told:
        form["id"] = _expression(told["id"])
    form["fields"] = {name: _field(name, told) for name in FIELDS if name in told}
    target = {
        name: _expression(told[f"target.{name}"]) for name in TARGET if f"target.{name}" in told
    }
    if "id" in target:
        form["targets"] = [{"type": {"constant": "target"}, **target}]
    return form


def texts_of(form: Table[str, Any]) -> dict[str, str] | None:
    """Convert a form to the inputs' texts; None where they cannot say the same."""
    texts = {name: str(form[name]) for name in ("title", "input", "zone") if form.get(name)}
    try:
        texts |= _lines_of(form)
        if mapping_of(form_of(texts), INPUTS) != mapping_of(dict(form), INPUTS):
            return None
    except (MappingError, TypeError, ValueError, AttributeError, KeyError):
        return None
    return texts


def _field(name: str, told: Table[str, str]) -> Any:
    expression = _expression(told[name])
    more: dict[str, Any] = {}
    if f"{name}.values" in told and name in TABLES:
        more = _table(told[f"{name}.values"])
    if name == "occurred_at" and "time_format" in told:
        more = {"format": told["time_format"]}
    if name == "duration_ms" and "duration_unit" in told:
        more = {"unit": told["duration_unit"]}
    if not more:
        return expression
    if isinstance(expression, str):
        kind = "template" if "{" in expression or "}" in expression else "path"
        expression = {kind: expression}
    return {**expression, **more}


def _expression(line: str) -> Any:
    pieces = [piece.strip() for piece in _ALTERNATIVE.findall(line) if piece.strip()]
    made = [{"constant": piece[1:-1]} if piece[0] == '"' else piece for piece in pieces]
    return made[0] if len(made) == 1 else {"first": made}


def _table(text: str) -> dict[str, Any]:
    values: dict[str, str] = {}
    for line in text.splitlines():
        word, equals, meaning = line.rpartition("=")
        if equals and word.strip():
            values[word.strip()] = meaning.strip()
    others = values.pop(_ANY, None)
    return {"values": values or {"": ""}} | ({} if others is None else {"otherwise": others})


def _lines_of(form: Table[str, Any]) -> dict[str, str]:
    texts = {"under": ", ".join(form["under"])} if form.get("under") else {}
    if form.get("id"):
        texts["id"] = _line(form["id"])
    for name, expression in form["fields"].items():
        texts[name] = _line(expression)
        if isinstance(expression, dict):
            texts |= _more(name, expression)
    for target in form.get("targets", [])[:1]:
        texts |= {f"target.{name}": _line(expression) for name, expression in target.items()}
    return texts


def _more(name: str, expression: dict[str, Any]) -> dict[str, str]:
    texts = {}
    if "values" in expression:
        lines = [f"{word} = {meaning}" for word, meaning in expression["values"].items()]
        others = expression.get("otherwise")
        lines += [] if others is None else [f"{_ANY} = {others}"]
        texts[f"{name}.values"] = "\n".join(lines)
    if "format" in expression:
        texts["time_format"] = expression["format"]
    if "unit" in expression:
        texts["duration_unit"] = expression["unit"]
    return texts


def _line(expression: Any) -> str:
    if isinstance(expression, str):
        return expression
    if "first" in expression:
        return " | ".join(map(_line, expression["first"]))
    if "constant" in expression:
        return f'"{expression["constant"]}"'
    return str(expression.get("path") or expression["template"])
