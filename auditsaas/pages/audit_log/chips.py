"""The active filters as words, each with the address of the log without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from auditsaas.events.filter.actors import count_people
from auditsaas.events.filter.event_filter import FILTERS, EventFilter
from auditsaas.events.filter.unify import without_term
from auditsaas.events.reading.facets import known_actors
from auditsaas.events.search.parser import Term
from auditsaas.events.search.wording import predicate, title
from auditsaas.pages.audit_log.log_scope import LogScope

Pairs = Sequence[tuple[str, str]]
Address = Callable[[Pairs], str]


@dataclass(frozen=True)
class Chip:
    """One filter in words, such as “Status is” “Error”."""

    label: str
    value: str
    remove_url: str
    period: bool = False
    """Whether it is the period, shown where its own control is out of sight."""


def chips(scope: LogScope, chosen: EventFilter, address: Address) -> list[Chip]:
    """List the filter's values and the terms of its search, without its period."""
    pairs, people = chosen.to_args(), _people(scope, chosen)
    of_fields = [
        Chip(
            _label(name),
            people.get(value, value) if name == "user" else _shown(scope, name, value),
            address([pair for pair in pairs if pair != (name, value)]),
        )
        for name, value in pairs
        if name in FILTERS
    ]
    of_terms = [
        Chip(*_words(term, people), address(without_term(chosen, term).to_args()))
        for term in chosen.terms
    ]
    return of_fields + of_terms


def _label(name: str) -> str:
    known = FILTERS[name]
    return f"{known.title} is" if known.several else known.title


def _shown(scope: LogScope, name: str, value: str) -> str:
    if name == "workspace":
        return next((w.name for w in scope.workspaces if w.slug == value), value)
    return FILTERS[name].shown(value)


def _words(term: Term, people: Mapping[str, str]) -> tuple[str, str]:
    """Word a term's label and value."""
    if term.key is None:
        return ("Search without" if term.negated else "Search"), f"“{term.values[0]}”"
    if term.key == "has":
        return ("Has no" if term.negated else "Has"), " or ".join(term.values)
    return title(term), predicate(term, people if term.key == "user" else {})


def _people(scope: LogScope, chosen: EventFilter) -> dict[str, str]:
    """Name the people of a filter, by what it calls them; of several it says how many they are."""
    named = [value for term in chosen.terms if term.key == "user" for value in term.values]
    users = list(dict.fromkeys([*chosen.user, *named]))
    if not users:
        return {}
    ids = scope.chosen_ids(chosen.workspace)
    actors = known_actors(scope.session, ids, users)
    scope.show_beside(actor.workspace_id for actor in actors)
    labels = {actor.id: actor.label for actor in actors}
    shares = scope.shares()
    called = count_people(scope.session, ids, users, shares=shares)
    scope.show_beside(shares or ())
    names = {user: labels.get(user, user) for user in users}
    several = {user: n for user, n in called.items() if n > 1}
    return names | {user: f"{names[user]} ({n:,} people)" for user, n in several.items()}
