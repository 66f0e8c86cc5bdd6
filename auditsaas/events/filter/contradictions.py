"""Finds what parts of a filter exclude each other, so that no event can match it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from auditsaas.events.filter.event_filter import FILTERS, OF_ACTORS, EventFilter
from auditsaas.events.filter.lifting import COMPARED, SAME, narrower
from auditsaas.events.search.parser import number_range
from auditsaas.events.search.terms import STATUSES, Term
from auditsaas.events.search.wording import describe

ONE_OF: Final = COMPARED | set(OF_ACTORS) - {"user"}
"""Fields of which an event has one value, so that two choices without a common one match none."""
EVERYTHING: Final = (0.0, float("inf"))


@dataclass(frozen=True)
class Statement:
    """The statement of a field or a term on one key; ``span``: response times, inclusive."""

    key: str
    words: str
    negated: bool = False
    values: tuple[str, ...] = ()
    span: tuple[float, float] = EVERYTHING


def contradictions(event_filter: EventFilter) -> list[str]:
    """Return in words each pair of statements that no event can meet together."""
    said = [*_of_fields(event_filter), *_of_terms(event_filter.terms)]
    return [
        f"{one.words} and {other.words}"
        for one, other in combinations(said, 2)
        if one.key == other.key and _exclude(one, other)
    ]


def _of_fields(event_filter: EventFilter) -> Iterator[Statement]:
    for name in sorted(SAME):
        values = getattr(event_filter, name)
        if values:
            yield Statement(name, _sentence(FILTERS[name].describe(values)), values=values)
    low, high = EVERYTHING
    if event_filter.min_ms is not None:
        words = FILTERS["min_ms"].describe(event_filter.min_ms)
        yield Statement("ms", _sentence(words), span=(event_filter.min_ms, high))
    if event_filter.max_ms is not None:
        words = FILTERS["max_ms"].describe(event_filter.max_ms)
        yield Statement("ms", _sentence(words), span=(low, event_filter.max_ms))


def _of_terms(terms: Collection[Term]) -> Iterator[Statement]:
    for term in terms:
        words = describe(term)
        if term.key in SAME:
            yield Statement(str(term.key), words, term.negated, term.values)
        elif term.key == "ms" and not term.negated and len(term.values) == 1:
            yield Statement("ms", words, span=_span(term))


def _span(term: Term) -> tuple[float, float]:
    """Return the shortest and the longest time of a term; of ``>`` the next that is stored."""
    low, high = EVERYTHING
    if term.op == "=":
        return number_range(term.values[0])
    bound = float(term.values[0])
    just = {">": (bound + 1e-9, high), "<": (low, bound - 1e-9)}
    return just.get(term.op) or ((bound, high) if term.op == ">=" else (low, bound))


def _exclude(one: Statement, other: Statement) -> bool:
    if one.key == "ms":
        return max(one.span[0], other.span[0]) > min(one.span[1], other.span[1])
    if one.negated and other.negated:
        return one.key == "status" and {*one.values, *other.values} >= set(STATUSES)
    if one.negated or other.negated:
        chosen, taken = (other, one) if one.negated else (one, other)
        return all(_within(value, taken.values) for value in chosen.values)
    if one.key == "activity":
        return not any(narrower(value, each) for value in one.values for each in other.values)
    return one.key in ONE_OF and not set(one.values) & set(other.values)


def _within(value: str, others: Collection[str]) -> bool:
    return any(narrower(value, other) == value for other in others)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
