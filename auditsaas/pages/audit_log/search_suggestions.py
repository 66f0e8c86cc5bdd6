"""Suggests terms for the search box, with values from the log."""

from __future__ import annotations

from collections.abc import Sequence

from auditsaas.events.folding import fold
from auditsaas.events.labels import label
from auditsaas.events.reading.facets import find_actors, holding, recent_activities
from auditsaas.events.search.completion import MOST, Suggestion, fit, part_at
from auditsaas.events.search.completion import suggest as of_language
from auditsaas.events.search.parser import quoted
from auditsaas.pages.audit_log.log_scope import LogScope

ACTIVITIES = 200


def suggest(scope: LogScope, text: str, cursor: int) -> list[Suggestion]:
    """Suggest completions at ``cursor``, best first."""
    typed = part_at(text, cursor)
    if typed.key == "activity":
        values = _activities(scope, typed.prefix)
    elif typed.key == "user":
        values = _users(scope, typed.prefix)
    elif typed.key == "workspace":
        values = _workspaces(scope, typed.prefix)
    else:
        return of_language(text, cursor)
    return [Suggestion(_term(v), label, typed.start, typed.end) for v, label in values[:MOST]]


def _activities(scope: LogScope, typed: str) -> list[tuple[str, str]]:
    """Find activities by name or label: beginnings before the rest, then the most frequent."""
    ids = scope.chosen_ids(())
    known = recent_activities(scope.session, ids, ACTIVITIES)
    fits = {name: max(fit(name, typed), fit(label(name), typed)) for name in known}
    meant = sorted((name for name in known if fits[name]), key=lambda name: -fits[name])[:MOST]
    if scope.look is not None:
        scope.show_of(holding(scope.session, ids, meant))
    return [*_families(meant, typed), *((name, label(name)) for name in meant)]


def _families(names: Sequence[str], typed: str) -> list[tuple[str, str]]:
    """Offer all activities that begin alike, where what was typed begins the first of them."""
    family = names[0].partition(".")[0] + "." if names else ""
    several = sum(name.startswith(family) for name in names) > 1
    begins = bool(typed) and fold(family).startswith(fold(typed))
    return [(f"{family}*", f"all that start with {family}")] if several and begins else []


def _users(scope: LogScope, typed: str) -> list[tuple[str, str]]:
    found = find_actors(scope.session, scope.chosen_ids(()), typed, MOST)
    scope.show(actor.workspace_id for actor in found)
    return [(actor.email or actor.id, actor.name or actor.id) for actor in found]


def _workspaces(scope: LogScope, typed: str) -> list[tuple[str, str]]:
    fits = [(max(fit(w.slug, typed), fit(w.name, typed)), w.slug, w.name) for w in scope.workspaces]
    ranked = sorted(fits, key=lambda found: -found[0])
    return [(slug, name) for how_well, slug, name in ranked if how_well]


def _term(value: str) -> str:
    return quoted(value) if any(character in value for character in ' ,"') else value
