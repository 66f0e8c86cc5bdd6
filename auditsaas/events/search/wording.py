"""A term of the search box in English, for chips, files and mails."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from auditsaas.events.search.terms import KEYS, META, Term
from auditsaas.events.wording import alternatives

_COMPARISONS = {">": "over", ">=": "at least", "<": "under", "<=": "at most"}
_PREFIXABLE = {"activity", "path"}


def describe(term: Term) -> str:
    """Describe a term, such as "IP address is in 10.0.0.0/8" or "Status is not Success"."""
    if term.key is None:
        verb = "does not contain" if term.negated else "contains"
        return f"{verb} “{term.values[0]}”"
    if term.key == "has":
        return f"Has {'no ' if term.negated else ''}{alternatives(term.values)}"
    return f"{title(term)} {predicate(term)}"


def title(term: Term) -> str:
    """Name what a term with a key is about."""
    name = term.key or ""
    return KEYS[name].label if name in KEYS else f"Metadata {name.removeprefix(META)}"


def predicate(term: Term, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """Describe what a term with a key says, such as "is not Success"; ``names`` are of values."""
    phrases: dict[str, list[str]] = {}
    for value in term.values:
        verb, shown = _phrase(term.key or "", term.op, value)
        shown = names.get(value, shown)
        phrases.setdefault(verb, []).append(shown)
    clauses = [
        f"{_negated(verb) if term.negated else verb} {alternatives(values)}"
        for verb, values in phrases.items()
    ]
    return (" and " if term.negated else " or ").join(clauses)


def _phrase(key: str, op: str, value: str) -> tuple[str, str]:
    """Word the verb and the object of one value."""
    unit = " ms" if key == "ms" else ""
    if op != "=":
        return f"is {_COMPARISONS[op]}", _number(value) + unit
    if key == "ip":
        return ("is in" if "/" in value else "is"), value
    if key in _PREFIXABLE and value.endswith("*"):
        return "starts with", value[:-1]
    if key == "browser":
        return "starts with", value
    if key in {"ms", "code"} and ".." in value:
        first, last = value.split("..")
        return "is between", f"{_number(first)} and {_number(last)}{unit}"
    if key == "ms":
        return "is", _number(value) + unit
    return "is", KEYS[key].shown(value) if key in KEYS else value


def _negated(verb: str) -> str:
    return verb.replace("is", "is not", 1) if verb.startswith("is") else "does not start with"


def _number(text: str) -> str:
    whole, dot, fraction = text.partition(".")
    return f"{int(whole):,}{dot}{fraction}" if whole.isdigit() else text
