"""The field by which a form edits a filter: its controls, chips, and what it finds lately."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from auditsaas.access import current, log_reading
from auditsaas.errors import FieldError
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import TimeRange
from auditsaas.events.presenter import PresentedEvent, present
from auditsaas.events.reading import pages, totals
from auditsaas.events.reading.scans import event_rows
from auditsaas.events.reading.totals import Count
from auditsaas.formatting.viewer import Viewer
from auditsaas.pages.audit_log import filter_panel
from auditsaas.pages.audit_log.log_scope import LogScope
from auditsaas.pages.filter_field import panes as filter_panes
from auditsaas.pages.filter_field.panes import Pane
from auditsaas.pages.filter_field.typed import Args, TypedFilter

LATELY: Final = timedelta(days=7)
NEWEST: Final = 3


@dataclass(frozen=True, kw_only=True)
class Chip:
    """One filter in words, and the controls that taking it away clears."""

    name: str
    label: str
    value: str
    unknown: bool = False
    """Whether no filter is called so."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """Findings of a filter: how many events lately, and the newest."""

    count: Count
    a_day: int
    newest: Sequence[PresentedEvent]
    log_url: str
    """The address of the log with this filter."""


@dataclass(frozen=True, kw_only=True)
class FilterField:
    """The model of ``filter_field/_field.html``."""

    url: str
    typed: TypedFilter
    panes: Sequence[Pane]
    chips: Sequence[Chip]
    found: Found | None
    """None where the filter cannot be understood."""
    views: Sequence[Any] = ()
    """The saved views whose filters may be taken."""

    @property
    def search(self) -> str:
        return str(self.typed.args.get("q", ""))

    @property
    def problems(self) -> Sequence[FieldError]:
        return self.typed.problems

    @property
    def viewer(self) -> Viewer:
        return current.viewer()


def show(
    scope: LogScope, typed: TypedFilter, *, finds: Args | None = None, counted: bool = False
) -> FilterField:
    """Show the field of one workspace; values are counted over the last days where asked for.

    ``finds`` holds what is typed to find values, by the names of those boxes.
    """
    now = datetime.now(UTC)
    lately = TimeRange(now - LATELY, now)
    build = filter_panel.counted if counted else filter_panel.quick
    facets = build(scope, typed.usable.with_period(lately))
    panes = filter_panes.panes(scope, typed, facets, finds or MultiDict())
    return FilterField(
        url=f"{scope.base_url.removesuffix('/audit-logs')}/filter-field",
        typed=typed,
        panes=panes,
        chips=_chips(typed, panes),
        found=None if typed.problems else _found(scope, typed.event_filter, lately),
        views=scope.offered.views,
    )


def _found(scope: LogScope, event_filter: EventFilter, lately: TimeRange) -> Found:
    """Count what the filter found lately, and read the newest events that it finds at all."""
    ids = scope.chosen_ids(())
    asked = event_filter.with_period(lately)
    log_reading.asked(event_filter)
    count = totals.count(scope.session, ids, asked)
    page = pages.page(scope.session, ids, event_filter, limit=NEWEST, columns=event_rows.TABLE)
    log_reading.shown(page.rows)
    names = scope.names
    return Found(
        count=count,
        a_day=round(count.total / LATELY.days),
        newest=[
            present(row, names[row.workspace_id], row.actor_status_now, scope.event_url)
            for row in page.rows
        ],
        log_url=_log_url(scope, event_filter),
    )


def _log_url(scope: LogScope, event_filter: EventFilter) -> str:
    query = urlencode([*event_filter.to_args(), ("range", "last_7_days")])
    return f"{scope.base_url}?{query}"


def _chips(typed: TypedFilter, panes: Sequence[Pane]) -> list[Chip]:
    """Word each filter that is chosen; what is typed in the search box stands there."""
    words = {
        pane.name: [option.label for option in pane.options if option.checked] or pane.typed
        for pane in panes
        if pane.chosen
    }
    found = [
        Chip(name=pane.name, label=f"{pane.title} is", value=_listed(words[pane.name]))
        for pane in panes
        if pane.name in words and pane.kind != "times"
    ]
    ends = words.get("ms")
    if ends:
        found.append(Chip(name="ms", label="Response time is", value=_span(*ends)))
    found += [
        Chip(name=f"unknown-{at}", label=name[:40], value=value[:200], unknown=True)
        for at, (name, value) in enumerate(typed.unknown)
    ]
    return found


def _listed(values: Sequence[str]) -> str:
    return ", ".join(values)


def _span(shortest: str, longest: str) -> str:
    """Write ``300 ms or more``, ``3000 ms or less`` or ``300 – 3000 ms``."""
    if shortest and longest:
        return f"{shortest} – {longest} ms"
    return f"{shortest} ms or more" if shortest else f"{longest} ms or less"
