"""Loads a page of the log: its rows, the links onward, or the filter to drop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from auditsaas.events.filter.fields import in_sentence
from auditsaas.events.presenter import present
from auditsaas.events.reading import pages
from auditsaas.events.reading.scans.source import answers_at_once
from auditsaas.events.reading.totals import count
from auditsaas.pages.audit_log.page_request import PageRequest
from auditsaas.pages.audit_log.page_view import TITLES, LogView, ShownPage, url_with


def with_page(view: LogView) -> LogView:
    """Read the rows of the view's page from the log."""
    asked = view.request
    workspace_ids = view.scope.chosen_ids(asked.filter.workspace)
    page = _read(view, workspace_ids)
    if asked.after is not None and not page.newer:
        # Paging back has reached the newest events: show the whole first page.
        asked = asked.first()
        view = replace(view, request=asked)
        page = _read(view, workspace_ids)
    view.scope.show(row.workspace_id for row in page.rows)
    names = view.scope.names
    rows = [
        present(row, names[row.workspace_id], row.actor_status_now, view.scope.event_url)
        for row in page.rows
    ]
    first = asked.position if rows else 0
    last = first + len(rows) - 1 if rows else 0
    older = newer = None
    if page.older and rows:
        older = _page_url(view, replace(asked.first(), before=page.rows[-1].id, position=last + 1))
    if page.newer and rows:
        back = max(1, first - asked.limit)
        newer = _page_url(view, replace(asked.first(), after=page.rows[0].id, position=back))
    if page.searched_to is not None and asked.after is None:
        older = _page_url(
            view, replace(asked.first(), before=page.searched_to, position=last + 1 if rows else 1)
        )
    shown = ShownPage(rows, first, last, newer, older, page.searched_back_to)
    nothing = not rows and page.searched_to is None and view.always is None
    view = replace(view, page=shown)
    if not nothing:
        return view
    if not answers_at_once(view.scope.workspaces):
        # Counting takes its time there, so the page does not wait for it.
        return replace(
            view, without_url=url_with(f"{view.base_url}/without", view.filter.to_args())
        )
    return with_suggestion(view)


def _read(view: LogView, workspace_ids: Sequence[Any]) -> pages.Page:
    return pages.page(
        view.scope.session,
        workspace_ids,
        view.always or view.request.filter,
        limit=view.request.limit,
        before=view.request.before,
        after=view.request.after,
    )


def with_suggestion(view: LogView) -> LogView:
    """Add the one filter to drop where nothing matches."""
    workspace_ids = view.scope.chosen_ids(view.filter.workspace)
    return replace(view, suggestion=_suggestion(view, workspace_ids))


def _suggestion(view: LogView, workspace_ids: Sequence[Any]) -> dict[str, Any] | None:
    """Find the one filter to drop when nothing matches: the one that leaves the most events."""
    best: dict[str, Any] | None = None
    for name in view.filter.active_fields():
        without = view.filter.without(name)
        ids = workspace_ids if name != "workspace" else view.scope.chosen_ids(())
        total = count(view.scope.session, ids, without).total
        if total and (best is None or total > best["count"]):
            url = url_with(view.base_url, without.to_args())
            best = {"label": _field_words(name), "count": total, "url": url}
    return best


def _field_words(name: str) -> str:
    if name == "range":
        return "the range"
    return f"the {in_sentence(TITLES[name])} filter"


def _page_url(view: LogView, request: PageRequest) -> str:
    return url_with(view.base_url, request.args())
