"""What can be done with the filter that is shown: saved, scheduled, linked to; and saved views."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from auditsaas.events.filter.event_filter import EventFilter, FilterError
from auditsaas.events.filter.unify import unify
from auditsaas.pages.audit_log.log_scope import LogScope, log_url, url_with
from auditsaas.pages.audit_log.saved_view_choice import ViewChoice

UTC: Final = ZoneInfo("UTC")
"""The zone in which a saved query is read where only its words matter."""


@dataclass(frozen=True, kw_only=True)
class ViewMenu:
    """The model of the tabs above the log and of the menu “Use view”."""

    scope: LogScope
    offered: ViewChoice
    filter: EventFilter
    range_label: str
    reset_url: str

    @property
    def tabs(self) -> list[dict[str, Any]]:
        """List the saved views as tabs, everything first; none where nothing was saved."""
        if not self.offered.views:
            return []
        query = self.filter.query_string()
        everything = not self.filter.without("range").to_args()
        tabs = [{"name": "All activity", "url": self.reset_url, "current": everything}]
        for saved in self.offered.views:
            url = f"{self.scope.base_url}?view={saved.id}"
            current = not everything and self._as_shown(saved.query) == query
            tabs.append({"name": saved.name, "url": url, "current": current})
        return tabs

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

    @property
    def save_url(self) -> str | None:
        return None if self.scope.views_of is None else f"{self._prefix}/views"

    @property
    def can_share(self) -> bool:
        return not self.scope.several

    @property
    def own(self) -> list[dict[str, Any]]:
        """List the person's own views, which they may remove."""
        return [
            {"name": saved.name, "remove_url": f"{self.save_url}/{saved.id}/remove"}
            for saved in self.offered.own
        ]

    @property
    def words(self) -> str:
        """Describe the filter that is shown, with its period."""
        words = self.filter.describe() or "Everything"
        return f"{words}, {self.range_label.lower()}"

    @property
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
        """The address of what is shown now, for everybody in any zone: its period as instants."""
        return log_url(self.scope, self.filter.with_period(self.filter.period).to_args())

    @property
    def _prefix(self) -> str:
        return self.scope.base_url.removesuffix("/audit-logs")
