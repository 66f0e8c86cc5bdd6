"""View model of the log page besides its rows: addresses, chips, presets, messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from auditsaas.errors import FieldError
from auditsaas.events.filter.actors import count_people
from auditsaas.events.filter.event_filter import FILTERS, EventFilter
from auditsaas.events.filter.period import PRESETS, TimeRange, dates, preset
from auditsaas.events.filter.reader import CUSTOM, SearchError
from auditsaas.events.presenter import PresentedEvent
from auditsaas.events.reading.facets import known_actors
from auditsaas.events.search.terms import syntax
from auditsaas.formatting import times
from auditsaas.formatting.viewer import Viewer
from auditsaas.pages.audit_log.log_scope import LogScope
from auditsaas.pages.audit_log.page_request import PageRequest
from auditsaas.pages.audit_log.saved_view_choice import ALL, NO_VIEWS, ViewChoice

TITLES = {name: known.title for name, known in FILTERS.items()} | {"q": "Search"}


@dataclass(frozen=True)
class ShownPage:
    rows: list[PresentedEvent]
    first: int
    last: int
    newer_url: str | None
    older_url: str | None
    searched_back_to: datetime | None = None


@dataclass(frozen=True)
class LogView:
    """The view model of ``templates/audit_logs/page.html``."""

    scope: LogScope
    viewer: Viewer
    now: datetime
    request: PageRequest
    page: ShownPage | None = None
    problems: Sequence[FieldError] = ()
    suggestion: dict[str, Any] | None = None
    without_url: str | None = None
    """The address of the suggestion, if the page does not hold it."""
    offered: ViewChoice = NO_VIEWS
    always: EventFilter | None = None
    """A condition that addresses do not hold: the person's own events."""

    @property
    def errors(self) -> list[dict[str, Any]]:
        """List the filter's errors with suggested corrections."""
        return [self._error(problem) for problem in self.problems]

    @property
    def search_errors(self) -> bool:
        """Whether it is the search box that cannot be understood."""
        return any(problem.field == "q" for problem in self.problems)

    def _error(self, problem: FieldError) -> dict[str, Any]:
        shown: dict[str, Any] = {"field": problem.field, "message": problem.message}
        if isinstance(problem, SearchError) and problem.mended and problem.suggestion:
            mended = url_with(self.base_url, [("q", problem.mended)])
            shown["suggestion"] = {"text": problem.suggestion, "url": mended}
        return shown

    @property
    def base_url(self) -> str:
        return self.scope.base_url

    @property
    def scope_label(self) -> str:
        return self.scope.label

    @property
    def several(self) -> bool:
        return self.scope.several

    @property
    def filter(self) -> EventFilter:
        return self.request.filter

    @property
    def query(self) -> str:
        return self.filter.query_string()

    @property
    def url(self) -> str:
        """The canonical address of this page."""
        args = self.request.args()
        return url_with(self.base_url, args) if args else self.reset_url

    @property
    def reset_url(self) -> str:
        """The page without a filter, also where it opens with one."""
        everything = f"{self.base_url}?view={ALL}"
        return everything if self.offered.default is not None else self.base_url

    @property
    def syntax(self) -> list[tuple[str, str]]:
        """Every kind of term with what it finds, for the help beside the search box."""
        return syntax()

    @property
    def suggest_url(self) -> str:
        return f"{self.base_url}/suggest"

    @property
    def latency_url(self) -> str:
        return url_with(f"{self.base_url}/latency", self.filter.to_args())

    @property
    def views(self) -> list[dict[str, Any]]:
        """The saved views as tabs, everything first; none where nothing was saved."""
        if not self.offered.views:
            return []
        tabs = [{"name": "All activity", "url": self.reset_url, "current": not self.query}]
        for saved in self.offered.views:
            url = f"{self.base_url}?view={saved.id}"
            current = bool(self.query) and saved.query == self.query
            tabs.append({"name": saved.name, "url": url, "current": current})
        return tabs

    @property
    def save_url(self) -> str | None:
        if self.scope.views_of is None:
            return None
        return f"{self.base_url.removesuffix('/audit-logs')}/views"

    @property
    def can_share(self) -> bool:
        return not self.several

    @property
    def own_views(self) -> list[dict[str, Any]]:
        """The person's own views, which they may remove."""
        return [
            {"name": saved.name, "remove_url": f"{self.save_url}/{saved.id}/remove"}
            for saved in self.offered.own
        ]

    @property
    def live_url(self) -> str | None:
        if self.page is None or self.request.before or self.request.after or self.always:
            return None
        newest = [("after", self.page.rows[0].id)] if self.page.rows else []
        return url_with(f"{self.base_url}/tail", [*self.filter.to_args(), *newest])

    @property
    def chips(self) -> list[dict[str, str]]:
        pairs = self.filter.to_args()
        people = self._people
        return [
            {
                "label": TITLES[name],
                "value": people.get((name, value)) or chip_value(self.scope, name, value),
                "remove_url": self._url([p for p in pairs if p != (name, value)]),
            }
            for name, value in pairs
            if name in TITLES
        ]

    @property
    def period_chip(self) -> dict[str, Any] | None:
        """The period as a chip, for where its own control is out of sight; None for all time."""
        if not self.filter.range:
            return None
        named = "" if self.filter.range == CUSTOM else self.range_label
        words = " ".join(word for word in (named, self.range_dates) if word)
        rest = self.filter.without("range").to_args()
        return {"label": "Timestamp", "value": words, "remove_url": self._url(rest), "period": True}

    def _url(self, pairs: list[tuple[str, str]]) -> str:
        return url_with(self.base_url, pairs) if pairs else self.reset_url

    @cached_property
    def _people(self) -> dict[tuple[str, str], str]:
        """The names of people for chips, by id, and how many people have one name."""
        chosen = self.filter.user
        searched = [v for term in self.filter.terms if term.key == "user" for v in term.values]
        if not chosen and not searched:
            return {}
        ids = self.scope.chosen_ids(self.filter.workspace)
        known = known_actors(self.scope.session, ids, chosen)
        self.scope.show(actor.workspace_id for actor in known.values())
        several = {
            user: f"{n:,} people"
            for user, n in count_people(self.scope.session, ids, [*chosen, *searched]).items()
            if n > 1
        }
        said = {("user", user): known[user].label if user in known else user for user in chosen}
        for user in several.keys() & set(chosen):
            said["user", user] += f" ({several[user]})"
        namesakes = [f"{user}: {several[user]}" for user in searched if user in several]
        if namesakes:
            said["q", self.filter.q] = f"{self.filter.q} ({', '.join(namesakes)})"
        return said

    @property
    def range_label(self) -> str:
        return range_label(self.filter)

    @property
    def range_dates(self) -> str:
        return range_dates(self.filter.period, self.viewer, self.now)

    @property
    def presets(self) -> list[dict[str, Any]]:
        chosen = self.filter.range or ""
        found = [{"key": "", "label": "All time", "dates": "", "checked": chosen == ""}]
        for key, label in PRESETS.items():
            period = preset(key, self.viewer.zone, self.now)
            found.append(
                {
                    "key": key,
                    "label": label,
                    "dates": _span(period, self.viewer, times.short_date),
                    "checked": chosen == key,
                }
            )
        checked = chosen == CUSTOM
        found.append({"key": CUSTOM, "label": "Custom range", "dates": "", "checked": checked})
        return found

    @property
    def download(self) -> dict[str, Any] | None:
        if self.scope.exports_url is None:
            return None
        return {"action": self.scope.exports_url, "query": self.query}


def chip_value(scope: LogScope, name: str, value: str) -> str:
    if name == "workspace":
        return next((w.name for w in scope.workspaces if w.slug == value), value)
    return FILTERS[name].shown(value) if name in FILTERS else value


def range_label(event_filter: EventFilter) -> str:
    if event_filter.range in PRESETS:
        return PRESETS[event_filter.range]
    return "Custom range" if event_filter.range == CUSTOM else "All time"


def range_dates(period: TimeRange, viewer: Viewer, now: datetime) -> str:
    """Write the period's first and last day as the viewer does; '' for all time."""
    return _span(period, viewer, times.date)


def _span(period: TimeRange, viewer: Viewer, write: Any) -> str:
    first, last = dates(period, viewer.zone)
    if first is None and last is None:
        return ""
    if first is None:
        return f"until {write(last, viewer)}"
    if last is None:
        return f"since {write(first, viewer)}"
    if last - first < timedelta(days=1):
        return str(write(first, viewer))
    return f"{write(first, viewer)} – {write(last, viewer)}"


def url_with(path: str, args: Sequence[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(args)}" if args else path
