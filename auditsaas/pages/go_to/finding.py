"""Finds everything that a person may go to, in sections, best first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final
from urllib.parse import urlencode

from auditsaas.access.loaders import my_workspaces
from auditsaas.pages.go_to import events, people
from auditsaas.pages.go_to.asked import Asked
from auditsaas.pages.go_to.hits import INSIDE, Hit, Section, first, rank
from auditsaas.pages.navigation import places
from auditsaas.pages.navigation.entries import permitted
from auditsaas.pages.navigation.groups import Group, Page
from auditsaas.permissions import Permission
from auditsaas.saved_views.models import ALL_MY_WORKSPACES
from auditsaas.saved_views.service import visible_in
from auditsaas.schedules import service as schedules

MOST: Final = 6


def find(asked: Asked) -> list[Section]:
    """Find what the words name; without words, every page of the place."""
    if not asked.words:
        return _everything(asked)
    numbered = [*events.named(asked), *filter(None, [events.of_request(asked)])]
    return [
        *first("Events", numbered, len(numbered)),
        *_pages(asked, lambda group, page: (page.label, group.label)),
        *people.sections(asked),
        *_pages(asked, lambda _, page: (page.also,)),
        *_views(asked),
        *_schedules(asked),
        *_workspaces(asked),
        *_searches(asked),
    ]


def _everything(asked: Asked) -> list[Section]:
    return [
        Section(group.label, [_page(place.base, page.label, page.path) for page in pages])
        for place in (asked.place, places.ACCOUNT)
        for group, pages in permitted(place)
    ]


def _pages(asked: Asked, called: Callable[[Group, Page], Sequence[str]]) -> list[Section]:
    """Find pages by how they are called, where a word of that begins with the words."""
    ranked = [
        (how, _page(place.base, page.label, page.path, group.label))
        for place in (asked.place, places.ACCOUNT)
        for group, pages in permitted(place)
        for page in pages
        if (how := rank(asked.words, *called(group, page))) is not None and how < INSIDE
    ]
    return first("Pages", _sorted(ranked), len(ranked))


def _page(base: str, label: str, path: str, group: str = "") -> Hit:
    return Hit(
        title=label,
        url=base + path,
        icon="chevron-right",
        where=group if group != label else "",
    )


def _views(asked: Asked) -> list[Section]:
    held = asked.holding(Permission.LOG_READ)
    if not held:
        return []
    bases = {ALL_MY_WORKSPACES: ("", "All my workspaces")}
    bases |= {one.id: (f"/w/{one.slug}", asked.name(one)) for one in held.values()}
    ranked = [
        (
            how,
            Hit(
                title=view.name,
                url=f"{bases[view.workspace_id][0]}/audit-logs?view={view.id}",
                icon="bookmark",
                where=bases[view.workspace_id][1],
            ),
        )
        for view in visible_in(asked.session, list(bases), asked.person)
        if (how := rank(asked.words, view.name)) is not None
    ]
    return first("Saved views", _sorted(ranked), MOST)


def _schedules(asked: Asked) -> list[Section]:
    held = asked.holding(Permission.EXPORT_CREATE)
    everything = list(asked.holding(Permission.EXPORT_READ_ALL))
    visible = schedules.visible_to(asked.person, everything)
    ranked = [
        (
            how,
            Hit(
                title=one.name,
                url=f"/w/{held[one.workspace_id].slug}/schedules/{one.id}",
                icon="calendar-time",
                where=asked.name(held[one.workspace_id]),
            ),
        )
        for one in schedules.of_workspaces(asked.session, list(held), visible)
        if (how := rank(asked.words, one.name)) is not None
    ]
    return first("Schedules", _sorted(ranked), MOST)


def _workspaces(asked: Asked) -> list[Section]:
    """Find the person's workspaces to switch to, but the one that they are in."""
    ranked = [
        (how, Hit(title=one.name, url=f"/w/{one.slug}/audit-logs", icon="selector"))
        for one in my_workspaces()
        if f"/w/{one.slug}" != asked.place.base
        if (how := rank(asked.words, one.name, one.slug)) is not None
    ]
    return first("Workspaces", _sorted(ranked), MOST)


def _searches(asked: Asked) -> list[Section]:
    """Offer the words as a search of the log; across the platform, of its lists too."""
    is_platform = asked.place is places.PLATFORM
    offered = [("the log", "/audit-logs")]
    if is_platform:
        offered += [("the workspaces", "/workspaces"), ("the users", "/users")]
    if not is_platform and not asked.holding(Permission.LOG_READ):
        return []
    query = urlencode({"q": asked.words})
    hits = [
        Hit(
            title=f"Search {what} for “{asked.words}”",
            url=f"{asked.place.base}{path}?{query}",
            icon="search",
            where=asked.place.name,
        )
        for what, path in offered
    ]
    return [Section("Search", hits)]


def _sorted(ranked: Iterable[tuple[int, Hit]]) -> list[Hit]:
    return [hit for _, hit in sorted(ranked, key=lambda pair: pair[0])]
