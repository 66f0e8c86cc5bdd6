"""Builds the links of the navigation for one person, in one place, on one page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from auditsaas.pages.navigation.groups import Group, Page
from auditsaas.permissions import Permission


@dataclass(frozen=True)
class Place:
    """The place where a person is: one workspace, all of theirs, the platform, or their account."""

    name: str
    base: str
    """What stands before each page's path."""
    groups: Sequence[Group]
    permissions: Collection[Permission] = ()


@dataclass(frozen=True)
class Link:
    label: str
    url: str
    current: str | None = None
    """`page` on the page itself, `true` on a page below it."""


@dataclass(frozen=True)
class Entry:
    """A group as the person sees it, with only the pages that they may open."""

    label: str
    pages: Sequence[Link]

    @property
    def url(self) -> str:
        return self.pages[0].url

    @property
    def current(self) -> str | None:
        """Return `page` on the page that the entry leads to, `true` on the others of its group."""
        if self.pages[0].current == "page":
            return "page"
        return "true" if any(page.current for page in self.pages) else None


def entries(place: Place, path: str) -> Sequence[Entry]:
    """Build the entries of a place for the page at ``path``; those without a page are left out."""
    allowed = permitted(place)
    here = _page_at(path.removeprefix(place.base), (page for _, pages in allowed for page in pages))
    return [
        Entry(group.label, [_link(place.base, page, path, here) for page in pages])
        for group, pages in allowed
    ]


def permitted(place: Place) -> Sequence[tuple[Group, Sequence[Page]]]:
    """Return the groups of a place with the pages that the person may open, where there are any."""
    held = [
        (group, [page for page in group.pages if _allows(place, page)]) for group in place.groups
    ]
    return [(group, pages) for group, pages in held if pages]


def _allows(place: Place, page: Page) -> bool:
    return page.permission is None or page.permission in place.permissions


def _page_at(path: str, pages: Iterable[Page]) -> Page | None:
    """Find the page that ``path`` is, or is below: the one with the longest path."""
    above = [page for page in pages if page.is_above(path)]
    return max(above, key=lambda page: len(page.path), default=None)


def _link(base: str, page: Page, path: str, here: Page | None) -> Link:
    url = base + page.path
    current = None if page is not here else "page" if url == path else "true"
    return Link(page.label, url, current)
