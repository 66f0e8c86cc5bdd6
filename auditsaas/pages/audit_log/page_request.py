"""Parses a request for the log: filter, page size and cursor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from werkzeug.datastructures import MultiDict

from auditsaas.errors import FieldError
from auditsaas.events.filter.event_filter import EventFilter, FilterError
from auditsaas.events.filter.reader import Arguments
from auditsaas.extensions import db
from auditsaas.formatting.viewer import Viewer
from auditsaas.pages.audit_log.log_scope import LogScope
from auditsaas.workspaces.former_slugs import with_current_slugs

LIMITS = (25, 50, 100)
DEFAULT_LIMIT = 50
BESIDE = ("limit", "before", "after", "at", "view", "term")
"""Parameters of the log or of a part of it besides the filter."""


@dataclass(frozen=True, kw_only=True)
class PageRequest:
    filter: EventFilter
    limit: int = DEFAULT_LIMIT
    before: UUID | None = None
    after: UUID | None = None
    position: int = 1
    """The place of the page's first row, as far as the person has paged; only for show."""

    def args(self) -> list[tuple[str, str]]:
        """Return the canonical arguments of this very page."""
        pairs = self.filter.to_args()
        if self.limit != DEFAULT_LIMIT:
            pairs.append(("limit", str(self.limit)))
        pairs += [
            (name, str(edge))
            for name, edge in (("before", self.before), ("after", self.after))
            if edge is not None
        ]
        if self.position != 1:
            pairs.append(("at", str(self.position)))
        return pairs

    def first(self) -> PageRequest:
        return replace(self, before=None, after=None, position=1)


def read(args: MultiDict[str, str], scope: LogScope, viewer: Viewer, now: datetime) -> PageRequest:
    """Parse the arguments of a page of the log.

    Raises:
        FilterError: naming everything that cannot be understood.
    """
    errors: list[FieldError] = []
    event_filter = EventFilter()
    try:
        event_filter = EventFilter.from_args(
            args, zone=viewer.zone, now=now, date_format=viewer.date_format, beside=BESIDE
        )
    except FilterError as error:
        errors = error.errors
    event_filter = with_current_slugs(db.session(), event_filter, scope.workspaces)
    unknown = [slug for slug in event_filter.workspace if slug not in scope.ids_by_slug]
    errors += [
        FieldError("workspace", f"There is no workspace “{slug[:40]}” here.") for slug in unknown
    ]
    page = PageRequest(
        filter=event_filter,
        limit=_limit(args, errors),
        before=_edge(args, "before", errors),
        after=_edge(args, "after", errors),
        position=_position(args),
    )
    if page.before is not None and page.after is not None:
        errors.append(FieldError("before", "Give either before or after, not both."))
    if errors:
        raise FilterError(errors)
    return page


def typed(args: Arguments) -> EventFilter:
    """Keep what was typed, for the form when it cannot be understood."""

    def first(name: str) -> str:
        return next(iter(args.getlist(name)), "")[:512].replace("\x00", "")

    return EventFilter(from_text=first("from"), to_text=first("to"), q=first("q"))


def _limit(args: Arguments, errors: list[FieldError]) -> int:
    text = next(iter(args.getlist("limit")), str(DEFAULT_LIMIT))
    if text in map(str, LIMITS):
        return int(text)
    errors.append(FieldError("limit", f"A page has 25, 50 or 100 rows, not “{text[:20]}”."))
    return DEFAULT_LIMIT


def _edge(args: Arguments, name: str, errors: list[FieldError]) -> UUID | None:
    text = next(iter(args.getlist(name)), "")
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        errors.append(FieldError(name, f"“{text[:40]}” is not the id of an event to page from."))
        return None


def _position(args: Arguments) -> int:
    text = next(iter(args.getlist("at")), "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else 1
