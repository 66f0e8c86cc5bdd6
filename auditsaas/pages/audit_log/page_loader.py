"""Reads what an address of the log asks for, and the page of rows that answers it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from werkzeug.datastructures import MultiDict

from auditsaas.access import current, log_reading
from auditsaas.db.together import together
from auditsaas.errors import FieldError
from auditsaas.events.filter.event_filter import FILTERS, EventFilter, FilterError
from auditsaas.events.filter.period import PRESETS
from auditsaas.events.filter.reader import Reader
from auditsaas.events.filter.unify import unify
from auditsaas.events.presenter import present
from auditsaas.events.reading import pages
from auditsaas.events.reading.scans import event_rows
from auditsaas.extensions import db
from auditsaas.formatting.viewer import Viewer
from auditsaas.pages.audit_log import filter_panel
from auditsaas.pages.audit_log.log_scope import LogScope
from auditsaas.pages.audit_log.page_view import DEFAULT_LIMIT, LogView, ShownPage
from auditsaas.pages.audit_log.table_rows import LogRow, log_row
from auditsaas.workspaces.former_slugs import with_current_slugs

LIMITS = (25, 50, 100)
BESIDE = ("limit", "before", "after", "at", "view", "tab", "term")
"""Parameters of the log or of a part of it besides the filter."""

TYPED = ("from", "to", "q")
MOST_TYPED = 2_000

Args = MultiDict[str, str]


def opening(scope: LogScope) -> Args:
    """Return what an address without parameters asks for."""
    return MultiDict({"range": scope.opens_with} if scope.opens_with else {})


def read(scope: LogScope, args: Args) -> LogView:
    """Read an address; what cannot be understood becomes the view's problems, and stays typed."""
    viewer, now = current.viewer(), datetime.now(UTC)
    try:
        resolved = scope.offered.resolve(args) if "view" in args else args
        view = _understood(scope, viewer, now, resolved)
        return replace(view, tab=args.get("view") or args.get("tab", ""))
    except FilterError as error:
        return LogView(scope, viewer, now, _typed(scope, args), problems=error.errors)


def _understood(scope: LogScope, viewer: Viewer, now: datetime, args: Args) -> LogView:
    """Read the filter and page; raise FilterError, naming everything that is wrong."""
    errors: list[FieldError] = []
    chosen = EventFilter()
    try:
        chosen = EventFilter.from_args(
            args, zone=viewer.zone, now=now, date_format=viewer.date_format, beside=BESIDE
        )
    except FilterError as error:
        errors = error.errors
    chosen = with_current_slugs(db.session(), chosen, scope.workspaces)
    errors += [
        FieldError("workspace", f"There is no workspace “{slug[:40]}” here.")
        for slug in chosen.workspace
        if slug not in scope.ids_by_slug
    ]
    limit = _limit(args, errors)
    before, after = _edge(args, "before", errors), _edge(args, "after", errors)
    if before is not None and after is not None:
        errors.append(FieldError("before", "Give either before or after, not both."))
    if errors:
        raise FilterError(errors)
    one = unify(chosen, scope.slugs_to_choose)
    scope.asks(one, term=args.get("term", ""))
    log_reading.asked(one)
    view = LogView(scope, viewer, now, one, limit, before, after, _position(args))
    return replace(view, unified=one is not chosen)


def with_page(view: LogView) -> LogView:
    """Read the rows of the view's page from the log, and add the links onward."""
    page = _page(view)
    if view.after is not None and not page.newer:
        # Paging back has reached the newest events: show the whole first page.
        view = paged(view)
        page = _page(view)
    log_reading.shown((), pages=1)
    rows = shown_rows(view, page)
    first = view.position if rows else 0
    last = first + len(rows) - 1 if rows else 0
    older = newer = None
    if page.older and rows:
        older = paged(view, before=page.rows[-1].id, position=last + 1).url
    if page.newer and rows:
        back = max(1, first - view.limit)
        newer = paged(view, after=page.rows[0].id, position=back).url
    if page.searched_to is not None and view.after is None:
        onward = last + 1 if rows else 1
        older = paged(view, before=page.searched_to, position=onward).url
    return replace(view, page=ShownPage(rows, first, last, newer, older, page.searched_back_to))


def with_page_and_panel(view: LogView) -> LogView:
    """Read the view's page and, beside it, what its filter panel offers before it is counted."""
    whole, panel = together(
        view.scope.session,
        lambda: with_page(view),
        lambda: filter_panel.quick(view.scope, view.filter),
    )
    return replace(whole, read_panel=panel)


def paged(
    view: LogView, *, before: UUID | None = None, after: UUID | None = None, position: int = 1
) -> LogView:
    """Page a view elsewhere; without a cursor, to its first page."""
    return replace(view, before=before, after=after, position=position)


def shown_rows(view: LogView, page: pages.Page) -> list[LogRow]:
    """Present the rows of a page, and note that they are shown."""
    view.scope.show(row.workspace_id for row in page.rows)
    log_reading.shown(page.rows)
    names, url, now = view.scope.names, view.scope.event_url, datetime.now(UTC)
    tail = f"?{view.query}" if view.query else ""
    return [
        log_row(
            present(row, names[row.workspace_id], row.actor_status_now, url),
            view.viewer,
            now,
            tail,
        )
        for row in page.rows
    ]


def _page(view: LogView) -> pages.Page:
    return pages.page(
        view.scope.session,
        view.scope.chosen_ids(view.filter.workspace),
        view.always or view.filter,
        limit=view.limit,
        before=view.before,
        after=view.after,
        columns=event_rows.TABLE,
    )


def _typed(scope: LogScope, args: Args) -> EventFilter:
    """Keep for the form what was typed and cannot be understood, and what was chosen beside it."""
    first = {name: args.get(name, "")[:MOST_TYPED].replace("\x00", "") for name in TYPED}
    chosen: dict[str, Any] = {}
    for name, known in FILTERS.items():
        reader = Reader(args)
        value = known.read(reader, name)
        if not reader.errors:
            chosen[name] = value
    known_slugs = (slug for slug in chosen.get("workspace", ()) if slug in scope.ids_by_slug)
    chosen["workspace"] = tuple(known_slugs)
    period = args.get("range", "")
    return EventFilter(
        from_text=first["from"],
        to_text=first["to"],
        q=first["q"],
        range=period if period in PRESETS else None,
        **chosen,
    )


def _limit(args: Args, errors: list[FieldError]) -> int:
    text = args.get("limit", str(DEFAULT_LIMIT))
    if text in map(str, LIMITS):
        return int(text)
    errors.append(FieldError("limit", f"A page has 25, 50 or 100 rows, not “{text[:20]}”."))
    return DEFAULT_LIMIT


def _edge(args: Args, name: str, errors: list[FieldError]) -> UUID | None:
    text = args.get(name, "")
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        errors.append(FieldError(name, f"“{text[:40]}” is not the id of an event to page from."))
        return None


def _position(args: Args) -> int:
    text = args.get("at", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else 1
