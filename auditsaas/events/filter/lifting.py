"""Moves terms of the search box into the fields that say the same, so that both are read alike.

Counts, indexes and facets know fields only, so readers of the log lift whatever they are given:
of the API, of schedules and saved views too. What pages show is brought into one form by ``unify``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from auditsaas.events.filter.event_filter import FILTERS, EventFilter
from auditsaas.events.filter.reader import MAX_LENGTH
from auditsaas.events.search.parser import Term, number_range, unparse
from auditsaas.events.search.terms import KEYS

OTHERWISE: Final = frozenset({"browser", "workspace"})
"""Terms that mean something else than the filter of their name: a prefix; none within a log."""
SAME: Final = (FILTERS.keys() & KEYS.keys()) - OTHERWISE
"""Terms of the search box that mean what the filter of their name means."""
BOUNDS: Final = {">=": "min_ms", "<=": "max_ms"}
"""Comparisons of the response time that a filter says as well."""

COMPARED: Final = frozenset({"activity", "status", "method", "platform"})
"""Fields whose values alone tell what two choices have in common."""
NEVER: Final = "-" * (MAX_LENGTH + 1)
"""A value longer than any event has or a filter holds, for choices that share no value."""


def lift_terms(event_filter: EventFilter) -> EventFilter:
    """Return the filter that matches the same events, its terms in fields where one says them.

    A field chosen twice keeps the values that both choices share. Terms that no field says stay,
    and so do all terms of an export with proof, which compares events as they were written.
    """
    if not event_filter.terms or event_filter.as_written is not None:
        return event_filter
    lifted: dict[str, Any] = {}
    rest = []
    for term in event_filter.terms:
        said = in_common(event_filter, lifted, fields_of(term))
        lifted |= said
        if not said:
            rest.append(term)
    if not lifted:
        return event_filter
    return replace(event_filter, **lifted, q=unparse(rest), terms=tuple(rest))


def fields_of(term: Term) -> Mapping[str, Any]:
    """Return the fields that say the term; none where it takes more than fields can say."""
    if term.negated:
        return {}
    if term.key in SAME:
        return {term.key: term.values}
    if term.key != "ms" or len(term.values) > 1:
        return {}
    if term.op == "=":
        shortest, longest = number_range(term.values[0])
        return {"min_ms": shortest, "max_ms": longest}
    return {BOUNDS[term.op]: float(term.values[0])} if term.op in BOUNDS else {}


def in_common(
    event_filter: EventFilter, lifted: Mapping[str, Any], said: Mapping[str, Any]
) -> dict[str, Any]:
    """Narrow what is chosen by what a term says; nothing where fields cannot say both."""
    found = {
        name: _both(name, lifted.get(name, getattr(event_filter, name)), value)
        for name, value in said.items()
    }
    return {} if None in found.values() else found


def _both(name: str, chosen: Any, value: Any) -> Any:
    if chosen in ((), None):
        return value
    if not FILTERS[name].several:
        return max(chosen, value) if name == "min_ms" else min(chosen, value)
    if set(chosen) == set(value):
        return chosen
    if name not in COMPARED:
        return None
    if name == "activity":
        pairs = (narrower(one, other) for one in chosen for other in value)
        return tuple(dict.fromkeys(filter(None, pairs))) or (NEVER,)
    return tuple(one for one in chosen if one in value) or (NEVER,)


def narrower(one: str, other: str) -> str | None:
    """Return which of two values or beginnings lies within the other; None where neither does."""
    if one == other or (other.endswith("*") and one.startswith(other[:-1])):
        return one
    return other if one.endswith("*") and other.startswith(one[:-1]) else None
