"""A term of the search box in English, for chips, files and mails."""

from __future__ import annotations

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
    key = KEYS.get(term.key)
    label = f"Metadata {term.key.removeprefix(META)}" if key is None else key.label
    phrases: dict[str, list[str]] = {}
    for value in term.values:
        verb, shown = _phrase(term.key, term.op, value)
        phrases.setdefault(verb, []).append(shown)
    clauses = [
        f"{_negated(verb) if term.negated else verb} {alternatives(values)}"
        for verb, values in phrases.items()
    ]
    return f"{label} {(' and ' if term.negated else ' or ').join(clauses)}"


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
