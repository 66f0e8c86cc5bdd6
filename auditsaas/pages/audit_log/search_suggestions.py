"""Suggests terms for the search box, with values from the log."""

from __future__ import annotations

from auditsaas.events.folding import fold
from auditsaas.events.reading.facets import find_actors, holding, recent_activities
from auditsaas.events.search.completion import MOST, Suggestion, part_at
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
        values = [(w.slug, w.name) for w in scope.workspaces if typed.prefix in w.slug]
    else:
        return of_language(text, cursor)
    return [Suggestion(_term(v), label, typed.start, typed.end) for v, label in values[:MOST]]


def _activities(scope: LogScope, typed: str) -> list[tuple[str, str]]:
    ids = scope.chosen_ids(())
    known = recent_activities(scope.session, ids, ACTIVITIES)
    meant = [name for name in known if fold(typed) in fold(name)]
    if scope.look is not None:
        scope.show_of(holding(scope.session, ids, meant[:MOST]))
    return [(name, "activity") for name in meant]


def _users(scope: LogScope, typed: str) -> list[tuple[str, str]]:
    found = find_actors(scope.session, scope.chosen_ids(()), typed, MOST)
    scope.show(actor.workspace_id for actor in found)
    return [(actor.email or actor.id, actor.name or actor.id) for actor in found]


def _term(value: str) -> str:
    return quoted(value) if any(character in value for character in ' ,"') else value
