"""What the search box offers: its language, and the values that the log itself knows."""

from __future__ import annotations

from auditsaas.events.reading.facets import find_actors, recent_activities
from auditsaas.events.search.completion import MOST, Suggestion, place_at
from auditsaas.events.search.completion import suggest as of_language
from auditsaas.pages.audit_log.log_scope import Place

ACTIVITIES = 200


def suggest(place: Place, text: str, cursor: int) -> list[Suggestion]:
    """What could be typed at ``cursor``, best first."""
    typed = place_at(text, cursor)
    if typed.key == "activity":
        values = _activities(place, typed.prefix)
    elif typed.key == "user":
        values = _users(place, typed.prefix)
    elif typed.key == "workspace":
        values = [(w.slug, w.name) for w in place.workspaces if typed.prefix in w.slug]
    else:
        return of_language(text, cursor)
    return [Suggestion(_term(v), label, typed.start, typed.end) for v, label in values[:MOST]]


def _activities(place: Place, typed: str) -> list[tuple[str, str]]:
    known = recent_activities(place.session, place.chosen_ids(()), ACTIVITIES)
    return [(name, "activity") for name in known if typed.lower() in name.lower()]


def _users(place: Place, typed: str) -> list[tuple[str, str]]:
    found = find_actors(place.session, place.chosen_ids(()), typed, MOST)
    place.show(actor.workspace_id for actor in found)
    return [(actor.email or actor.id, actor.name or actor.id) for actor in found]


def _term(value: str) -> str:
    if any(character in value for character in ' ,"'):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return value
