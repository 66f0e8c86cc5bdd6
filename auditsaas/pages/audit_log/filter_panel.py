"""The filter panel's facets: counted values with the words that a person knows them by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from auditsaas.access import log_reading
from auditsaas.db.together import together
from auditsaas.events.filter.event_filter import FILTERS, EventFilter
from auditsaas.events.filter.fields import Filter
from auditsaas.events.reading.facets import (
    KnownActor,
    facets,
    known_actors,
    last_seen,
    recent_activities,
)
from auditsaas.events.reading.scans.source import answers_at_once
from auditsaas.pages.audit_log.log_scope import LogScope

TOP = 5


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    sub: str = ""
    """Of a user: role, and active or disabled."""
    email: str = ""
    count: int | None = None
    checked: bool = False


@dataclass(frozen=True)
class ShownFacet:
    name: str
    title: str
    options: list[Option]
    total: int = 0
    more_options: list[Option] = field(default_factory=list)
    find_url: str | None = None
    closed: bool = False
    room: bool = False
    """Whether more than is listed will be offered once it has been counted."""
    exact: bool = True
    """Whether the counts are of all events, or of the newest only."""


def quick(scope: LogScope, chosen: EventFilter) -> list[ShownFacet]:
    """Build the panel as it is first sent: real options without counts, which follow."""
    if not answers_at_once(scope.workspaces):
        return _panel(scope, chosen, {"activity": {}, "user": {}, "role": {}})
    session, ids = scope.session, scope.chosen_ids(())
    seen, activities = together(
        session,
        lambda: last_seen(session, ids),
        lambda: recent_activities(session, ids, TOP + 1),
    )
    scope.show_beside(actor.workspace_id for actor in seen)
    roles = Counter(actor.role for actor in seen if actor.role)
    found: dict[str, dict[str, int | None]] = {
        "activity": dict.fromkeys(activities),
        "user": dict.fromkeys(actor.id for actor in seen[:TOP]),
        "role": dict.fromkeys(role for role, _ in roles.most_common(TOP + 1)),
    }
    # Over several workspaces, an id may be known in each.
    return _panel(scope, chosen, found, seen if len(ids) == 1 else ())


def counted(scope: LogScope, chosen: EventFilter) -> list[ShownFacet]:
    """Build the panel with its counts."""
    names = [
        name
        for name, known in FILTERS.items()
        if known.panel and (name != "workspace" or scope.several)
    ]
    log_reading.chosen(scope.ids_by_slug.values())
    shares = scope.shares()
    shown = facets(scope.session, scope.ids_by_slug, chosen, names, shares=shares)
    scope.show_of(shares)
    found: dict[str, dict[str, int | None]] = {name: dict(f.counts) for name, f in shown.items()}
    if scope.several:
        slugs = {identifier: slug for slug, identifier in scope.ids_by_slug.items()}
        by_workspace = shown["workspace"].counts
        found["workspace"] = {slugs[key]: n for key, n in by_workspace.items()}
    return [replace(facet, exact=shown[facet.name].exact) for facet in _panel(scope, chosen, found)]


def _panel(
    scope: LogScope,
    chosen: EventFilter,
    found: dict[str, dict[str, int | None]],
    seen: Sequence[KnownActor] = (),
) -> list[ShownFacet]:
    panel: list[ShownFacet] = []
    for name, known in FILTERS.items():
        if name == "user":
            panel.append(_users(scope, chosen, found[name], seen))
        elif name == "workspace" and scope.several:
            panel.append(_workspaces(scope, chosen, found.get(name)))
        elif known.panel == "fixed":
            values = dict.fromkeys((*known.choices, *getattr(chosen, name)))
            panel.append(_fixed(known, list(values), chosen, found.get(name), known.shown))
        elif known.panel == "listed":
            panel.append(_listed(known, getattr(chosen, name), found.get(name, {}), known.shown))
    return panel


def _fixed(
    known: Filter,
    values: Sequence[str],
    chosen: EventFilter,
    counts: dict[str, int | None] | None,
    words: Callable[[str], str],
) -> ShownFacet:
    """List every value that there is, with its count once there are counts."""
    ticked = getattr(chosen, known.name)
    options = [
        Option(
            value,
            words(value),
            count=None if counts is None else counts.get(value) or 0,
            checked=value in ticked,
        )
        for value in values
    ]
    return ShownFacet(known.name, known.heading, options, len(options))


def _workspaces(
    scope: LogScope, chosen: EventFilter, counts: dict[str, int | None] | None
) -> ShownFacet:
    known = FILTERS["workspace"]
    words = {workspace.slug: workspace.name for workspace in scope.workspaces}
    if len(words) > 2 * TOP:
        found = counts or dict.fromkeys(words)
        return _listed(known, chosen.workspace, found, words.__getitem__)
    return _fixed(known, list(words), chosen, counts, words.__getitem__)


def _listed(
    known: Filter,
    ticked: tuple[str, ...],
    counts: dict[str, int | None],
    words: Callable[[str], str],
) -> ShownFacet:
    """List the most frequent values and everything ticked; the rest can be found."""

    def option(value: str) -> Option:
        return Option(value, words(value), count=_count_of(value, counts), checked=value in ticked)

    shown = list(dict.fromkeys([*list(counts)[:TOP], *ticked]))
    rest = [value for value in counts if value not in shown]
    total = _total(counts)
    if not total:
        return ShownFacet(known.name, known.heading, [option(v) for v in shown], room=bool(rest))
    return ShownFacet(
        known.name, known.heading, [option(v) for v in shown], total, [option(v) for v in rest]
    )


def _count_of(value: str, counts: dict[str, int | None]) -> int | None:
    """Count a value, or all that begin with one that ends in ``*``; None before any is counted."""
    if value in counts or not any(counts.values()):
        return counts.get(value)
    if not value.endswith("*"):
        return 0
    return sum(n or 0 for each, n in counts.items() if each.startswith(value[:-1]))


def _total(counts: dict[str, int | None]) -> int:
    """Count the values; 0 while they have not been counted."""
    return len(counts) if any(counts.values()) else 0


def _users(
    scope: LogScope,
    chosen: EventFilter,
    counts: dict[str, int | None],
    seen: Sequence[KnownActor],
) -> ShownFacet:
    shown = list(dict.fromkeys([*list(counts)[:TOP], *chosen.user]))
    known = {actor.id: actor for actor in seen}
    if not known.keys() >= set(shown):
        actors = known_actors(scope.session, scope.chosen_ids(()), shown)
        scope.show_beside(actor.workspace_id for actor in actors)
        known = {actor.id: actor for actor in actors}

    def option(value: str) -> Option:
        actor = known.get(value)
        count = counts.get(value, None if value in chosen.user else 0)
        if actor is None:
            return Option(value, value, count=count, checked=value in chosen.user)
        email = actor.email if actor.email and actor.email != actor.label else ""
        return Option(
            value, actor.label, actor.standing, email, count, checked=value in chosen.user
        )

    return ShownFacet(
        "user",
        FILTERS["user"].heading,
        [option(value) for value in shown],
        _total(counts),
        find_url=f"{scope.base_url}/users",
    )
