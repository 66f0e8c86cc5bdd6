"""Builds the tabs of saved views, and the menu that saves, schedules and links what is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from auditsaas.events.filter.event_filter import EventFilter, FilterError
from auditsaas.events.filter.unify import unify
from auditsaas.pages.audit_log.log_scope import LogScope, log_url, url_with
from auditsaas.pages.audit_log.saved_view_choice import View, ViewChoice

UTC: Final = ZoneInfo("UTC")
"""The zone in which a saved query is read where only its words matter."""


@dataclass(frozen=True, kw_only=True)
class ViewMenu:
    """Say which view is open, and what can be done with the filter that is shown."""

    scope: LogScope
    offered: ViewChoice
    filter: EventFilter
    range_label: str
    reset_url: str
    tab: str = ""
    """The id of the view that the address says is open."""

    @cached_property
    def open(self) -> View | None:
        """Return the view that is open: the one that was opened, or else one that says the same."""
        return (self.offered.find(self.tab) if self.tab else None) or self._same

    @property
    def changed(self) -> bool:
        """Whether the filter is another than the open view has kept."""
        return self.open is not None and self._as_shown(self.open.query) != self.query

    @property
    def needs_tab(self) -> str | None:
        """Return the id of the open view, where the filter alone would not tell which it is."""
        return None if self.open is None or self.open is self._same else str(self.open.id)

    @property
    def carried(self) -> list[tuple[str, str]]:
        """Return what addresses of this page carry on, so that the view stays open."""
        return [("tab", str(self.open.id))] if self.open is not None else []

    @property
    def tabs(self) -> list[dict[str, Any]]:
        """List the saved views as tabs, everything first; none where nothing was saved."""
        shown = self.offered.listed
        if self.open is not None and self.open not in shown:
            shown = [*shown, self.open]
        if not shown:
            return []
        everything = self.open is None and not self.filter.without("range").to_args()
        tabs = [{"name": "All activity", "url": self.reset_url, "current": everything}]
        for saved in shown:
            tab = {"name": saved.name, "url": self._url_of(saved), "current": saved is self.open}
            tabs.append(tab)
        return tabs

    @property
    def save_url(self) -> str | None:
        return None if self.scope.views_of is None else f"{self._prefix}/views"

    @property
    def update_url(self) -> str | None:
        """Return where the open view takes the filter as it is now; None where it is another's."""
        if self.open is None:
            return None
        is_own = self.open.user_id == self.offered.person
        if not is_own and not self.scope.manages_views:
            return None
        return f"{self.save_url}/{self.open.id}/filter"

    @property
    def go_back_url(self) -> str:
        return self._url_of(self.open) if self.open is not None else self.reset_url

    @property
    def can_share(self) -> bool:
        return self.scope.manages_views

    @property
    def words(self) -> str:
        """Describe the filter that is shown, with its period."""
        words = self.filter.describe() or "Everything"
        return f"{words}, {self.range_label.lower()}"

    @cached_property
    def query(self) -> str:
        return self.filter.query_string()

    @property
    def schedule_url(self) -> str | None:
        """Return the address of a new schedule with this filter, which leaves out its period."""
        if self.scope.exports_url is None or self.save_url is None:
            return None
        return url_with(f"{self._prefix}/schedules/new", self.filter.to_args())

    @property
    def link(self) -> str:
        """Return the address of what is shown now, the same in any zone: its period as instants."""
        return log_url(self.scope, self.filter.with_period(self.filter.period).to_args())

    @cached_property
    def _same(self) -> View | None:
        """Find the first view with this very filter; what filters nothing is no view."""
        if not self.query:
            return None
        listed = self.offered.listed
        return next((v for v in listed if self._as_shown(v.query) == self.query), None)

    def _as_shown(self, query: str) -> str:
        """Return the query string that the page has for what was saved as another one."""
        if "q=" not in query:
            return query
        args = MultiDict(parse_qsl(query))
        try:
            saved = EventFilter.from_args(args, zone=UTC, now=datetime.now(UTC))
        except FilterError:
            return query
        return unify(saved, self.scope.slugs_to_choose).query_string()

    def _url_of(self, view: View) -> str:
        return f"{self.scope.base_url}?view={view.id}"

    @property
    def _prefix(self) -> str:
        return self.scope.base_url.removesuffix("/audit-logs")
