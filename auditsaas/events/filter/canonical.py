"""Writes filters that mean the same in one way, so that what was read can be told apart by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from auditsaas.events.filter.event_filter import FILTERS, EventFilter
from auditsaas.events.filter.lifting import BOUNDS, SAME
from auditsaas.events.filter.reader import CUSTOM
from auditsaas.events.folding import fold
from auditsaas.events.search.parser import Term, unparse
from auditsaas.events.search.terms import META, STATUSES

FOLDED: Final = (None, "path", "browser", "target")
"""Terms whose values are compared without case; those of metadata are too."""


def canonical(event_filter: EventFilter) -> EventFilter:
    """Return the filter that means the same within one workspace, in its one spelling.

    Values are sorted, terms of the search box that a filter can say become that filter, words are
    folded, dates are instants in UTC, and the choice of workspaces is gone.
    """
    changed: dict[str, Any] = {"workspace": ()}
    terms: list[Term] = []
    for term in _distinct(event_filter.terms):
        name = _filter_of(term)
        if name is None:
            terms.append(term)
        elif not getattr(event_filter, name) and name not in changed:
            changed[name] = float(term.values[0]) if term.key == "ms" else term.values
        elif not _says(event_filter, name, term):
            terms.append(term)
    found = replace(event_filter, **changed)
    ordered: dict[str, Any] = {
        name: _ordered(name, getattr(found, name))
        for name, known in FILTERS.items()
        if known.several
    }
    if found.range == CUSTOM:
        found = found.with_period(found.period)
    return replace(found, **ordered, q=unparse(terms), terms=tuple(terms))


def reaches(event_filter: EventFilter, slug: str) -> bool:
    """Tell whether a filter leaves anything of the workspace called ``slug``."""
    if event_filter.workspace and slug not in event_filter.workspace:
        return False
    named = (term for term in event_filter.terms if term.key == "workspace")
    return all((slug in term.values) != term.negated for term in named)


def _ordered(name: str, values: Sequence[str]) -> tuple[str, ...]:
    ordered = tuple(sorted(set(values)))
    return () if name == "status" and len(ordered) == len(STATUSES) else ordered


def _distinct(terms: Sequence[Term]) -> list[Term]:
    """Sort the terms, each once and without positions or those of workspaces."""
    plain = {
        replace(term, values=_values(term), start=0, end=0, quoted=False)
        for term in terms
        if term.key != "workspace"
    }
    return sorted(plain, key=lambda term: (term.key or "", term.negated, term.op, term.values))


def _values(term: Term) -> tuple[str, ...]:
    if term.key in FOLDED or (term.key or "").startswith(META):
        return tuple(sorted(set(map(fold, term.values))))
    return tuple(sorted(set(term.values)))


def _filter_of(term: Term) -> str | None:
    """Find the filter that could say the same; None where there is none."""
    if term.negated:
        return None
    if term.key == "ms":
        return BOUNDS.get(term.op)
    return term.key if term.key in SAME else None


def _says(event_filter: EventFilter, name: str, term: Term) -> bool:
    """Tell whether the filter itself says what the term says."""
    value = getattr(event_filter, name)
    if term.key == "ms":
        return bool(value == float(term.values[0]))
    return set(value) == set(term.values)
