"""View model of the log page besides its rows: addresses, chips, presets, messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from markupsafe import Markup

from auditsaas.errors import FieldError
from auditsaas.events.filter.contradictions import contradictions
from auditsaas.events.filter.event_filter import FILTERS, EventFilter
from auditsaas.events.filter.reader import CUSTOM, SearchError
from auditsaas.events.reading.scans.source import answers_at_once
from auditsaas.events.search.terms import syntax
from auditsaas.formatting import times
from auditsaas.formatting.viewer import Viewer
from auditsaas.pages.audit_log import filter_panel, no_match, period_words
from auditsaas.pages.audit_log.chips import Chip, chips
from auditsaas.pages.audit_log.filter_panel import ShownFacet
from auditsaas.pages.audit_log.log_scope import LogScope, log_url, url_with
from auditsaas.pages.audit_log.saved_view_choice import NO_VIEWS, ViewChoice
from auditsaas.pages.audit_log.table_rows import LogRow, Table, draw
from auditsaas.pages.audit_log.view_menu import ViewMenu

DEFAULT_LIMIT = 50
VALUES_OF_ROWS = (
    *("activity", "method", "status", "user", "platform", "ip", "workspace", "source"),
)
"""The filters that a value of a row may become."""


@dataclass(frozen=True)
class ShownPage:
    rows: list[LogRow]
    first: int
    last: int
    newer_url: str | None
    older_url: str | None
    searched_back_to: datetime | None = None


@dataclass(frozen=True)
class LogView:
    """A page of the log as an address asks for it; the model of ``audit_logs/page.html``."""

    scope: LogScope
    viewer: Viewer
    now: datetime
    filter: EventFilter
    limit: int = DEFAULT_LIMIT
    before: UUID | None = None
    after: UUID | None = None
    position: int = 1
    """The place of the page's first row, as far as the person has paged; only for show."""
    page: ShownPage | None = None
    problems: Sequence[FieldError] = ()
    always: EventFilter | None = None
    """A condition that addresses do not hold: the person's own events."""
    read_panel: Sequence[ShownFacet] | None = None
    """The facets, where they were read together with the page."""
    unified: bool = False
    """Whether terms of the search became filters, so that the address is another than asked."""
    tab: str = ""
    """The id of the saved view that is open, also where the filter was changed since."""

    @property
    def offered(self) -> ViewChoice:
        """Return the saved views; none beside what cannot be understood."""
        return NO_VIEWS if self.problems else self.scope.offered

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
            rest = [pair for pair in self._args if pair[0] != "q"]
            mended = url_with(self.base_url, [*rest, ("q", problem.mended)])
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
    def names_workspaces(self) -> bool:
        """Whether the table has a column of workspaces."""
        if not self.several:
            return self.viewer.workspace_inside
        return "workspace" not in self.viewer.hidden_columns

    @cached_property
    def query(self) -> str:
        return urlencode(self._args)

    @cached_property
    def _args(self) -> list[tuple[str, str]]:
        return self.filter.to_args()

    @property
    def url(self) -> str:
        """The canonical address of this page."""
        beside = (
            ("limit", self.limit if self.limit != DEFAULT_LIMIT else None),
            ("before", self.before),
            ("after", self.after),
            ("at", self.position if self.position != 1 else None),
            ("tab", self.menu.needs_tab),
        )
        given = [(name, str(value)) for name, value in beside if value is not None]
        return log_url(self.scope, self._args, given)

    @property
    def reset_url(self) -> str:
        """The page as it opens, without a filter of a view that opens first."""
        opening = self.scope.opens_with
        return url_with(self.base_url, [("range", opening)] if opening else [])

    @property
    def syntax(self) -> list[tuple[str, str]]:
        """List every kind of term with what it finds, for the help beside the search box."""
        return syntax()

    @property
    def suggest_url(self) -> str:
        return f"{self.base_url}/suggest"

    @property
    def latency_url(self) -> str:
        return url_with(f"{self.base_url}/latency", self._args)

    @cached_property
    def menu(self) -> ViewMenu:
        """Build the menu of what can be done with the filter, and the saved views."""
        return ViewMenu(
            scope=self.scope,
            offered=self.offered,
            filter=self.filter,
            range_label=self.range_label,
            reset_url=self.reset_url,
            tab=self.tab,
        )

    @property
    def reads_url(self) -> str | None:
        """The address of who read this log; None over several workspaces."""
        if self.several:
            return None
        return f"{self.base_url.removesuffix('/audit-logs')}/reads"

    @property
    def drawn_rows(self) -> Markup:
        """The rows of the page, as HTML."""
        table = Table(
            hidden=self.viewer.hidden_columns,
            workspace=self.names_workspaces,
            tells_unknown_source=self.always is not None,
        )
        return draw(self.page.rows if self.page else (), table)

    @property
    def live_url(self) -> str | None:
        if self.page is None or self.before or self.after or self.always:
            return None
        newest = [("after", self.page.rows[0].id)] if self.page.rows else []
        return url_with(f"{self.base_url}/tail", [*self._args, *newest])

    @cached_property
    def chips(self) -> list[Chip]:
        """The active filters, but the period."""
        return [] if self.problems else chips(self.scope, self.filter, self._url)

    @property
    def titles(self) -> dict[str, str]:
        """Name the filters that a value of a row may become."""
        return {name: FILTERS[name].title for name in VALUES_OF_ROWS}

    @cached_property
    def panel(self) -> Sequence[ShownFacet]:
        """Build the facets before they are counted, unless they were read with the page."""
        if self.read_panel is not None:
            return self.read_panel
        return filter_panel.quick(self.scope, self.filter)

    @property
    def without_url(self) -> str | None:
        """Return where the suggestion is asked for, if counting takes longer than a page waits."""
        if not self._nothing or answers_at_once(self.scope.workspaces):
            return None
        return url_with(f"{self.base_url}/without", self._args)

    @cached_property
    def suggestion(self) -> dict[str, Any] | None:
        """Suggest the one filter to drop where nothing matches."""
        if not self._nothing or self.without_url:
            return None
        return no_match.suggestion(self.scope, self.filter)

    @property
    def is_narrowed(self) -> bool:
        """Whether it is the filter that leaves nothing, rather than an empty log."""
        if not self.quiet_period:
            return bool(self._args)
        return self.suggestion is not None or self.without_url is not None

    @property
    def quiet_period(self) -> str | None:
        """The period in words, where nothing else is filtered by and what is before is left out."""
        return no_match.quiet_period(self.filter)

    @property
    def contradictions(self) -> list[str]:
        """The parts of the filter that exclude each other, where nothing matches."""
        return contradictions(self.filter)

    @property
    def _nothing(self) -> bool:
        page = self.page
        if page is None or page.rows or self.always is not None:
            return False
        return page.searched_back_to is None

    @property
    def period_chip(self) -> Chip | None:
        """The period as a chip, for where its own control is out of sight; None for all time."""
        if not self.filter.range:
            return None
        named = "" if self.filter.range == CUSTOM else self.range_label
        words = " ".join(word for word in (named, self.range_dates) if word)
        return Chip("Timestamp", words, self.without_period_url, period=True)

    def _url(self, pairs: Sequence[tuple[str, str]]) -> str:
        return log_url(self.scope, pairs, self.menu.carried)

    @property
    def range_label(self) -> str:
        return period_words.label(self.filter.range)

    @property
    def without_period_url(self) -> str:
        return self._url(self.filter.without("range").to_args())

    @property
    def range_dates(self) -> str:
        return period_words.written(self.filter.period, self.viewer, times.date)

    @property
    def presets(self) -> list[dict[str, Any]]:
        return period_words.presets(self.filter.range, self.viewer, self.now)

    @property
    def download(self) -> dict[str, Any] | None:
        if self.scope.exports_url is None:
            return None
        return {"action": self.scope.exports_url, "query": self.query}
