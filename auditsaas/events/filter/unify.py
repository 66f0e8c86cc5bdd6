"""Brings a filter into the one form that pages show: terms that a filter says become that filter.

Panel, chips, search box and address then say the same. Unlike ``lift_terms``, which serves those
who read the log, everything here must stand in an address and be read back from it, so a term
stays where no filter can say it together with what is chosen already.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from werkzeug.datastructures import MultiDict

from auditsaas.events.filter.event_filter import FILTERS, EventFilter
from auditsaas.events.filter.lifting import fields_of, in_common
from auditsaas.events.filter.reader import Reader
from auditsaas.events.search.parser import Term

Fields = dict[str, Any]

BOTH_ENDS: Final = ("min_ms", "max_ms")


def unify(event_filter: EventFilter, slugs: Collection[str] = ()) -> EventFilter:
    """Return the filter that matches the same events, with terms in the fields that say them.

    The search keeps the other terms as they were typed. ``slugs`` are those of workspaces that the
    filter may name. The filter itself is returned where nothing becomes a field.
    """
    if event_filter.as_written is not None:
        return event_filter
    fields: Fields = {}
    rest: list[Term] = []
    for term in event_filter.terms:
        said = in_common(event_filter, fields, _said(term, slugs))
        read = _as_read(event_filter, fields | said) if said else None
        if read is None:
            rest.append(term)
        else:
            fields = read
    if not fields:
        return event_filter
    return replace(event_filter, **fields, **_left(event_filter, rest))


def without_term(event_filter: EventFilter, term: Term) -> EventFilter:
    """Return the filter without one term of its search."""
    rest = [other for other in event_filter.terms if other != term]
    return replace(event_filter, **_left(event_filter, rest))


def _left(event_filter: EventFilter, rest: Sequence[Term]) -> Fields:
    """Write a search of these of its terms, as they were typed, at their new places."""
    terms: list[Term] = []
    words: list[str] = []
    at = 0
    for term in rest:
        words.append(event_filter.q[term.start : term.end])
        terms.append(replace(term, start=at, end=at + len(words[-1])))
        at += len(words[-1]) + 1
    return {"q": " ".join(words), "terms": tuple(terms)}


def _said(term: Term, slugs: Collection[str]) -> Mapping[str, Any]:
    if term.key == "workspace" and not term.negated and set(term.values) <= set(slugs):
        return {term.key: term.values}
    return fields_of(term)


def _as_read(event_filter: EventFilter, fields: Fields) -> Fields | None:
    """Read the fields back from the parameters that say them; None where these say another."""
    pairs = [pair for name, value in fields.items() for pair in FILTERS[name].pairs(value)]
    reader = Reader(MultiDict(pairs))
    read = {name: FILTERS[name].read(reader, name) for name in fields}
    shortest, longest = (read.get(name, getattr(event_filter, name)) for name in BOTH_ENDS)
    crossed = shortest is not None and longest is not None and longest < shortest
    same = all(_set(read[name]) == _set(value) for name, value in fields.items())
    return read if same and not crossed and not reader.errors else None


def _set(value: Any) -> Any:
    return frozenset(value) if isinstance(value, tuple) else value
