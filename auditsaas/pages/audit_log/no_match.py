"""The suggestion where nothing matches: the one filter without which most events would."""

from __future__ import annotations

from typing import Any

from auditsaas.events.filter.event_filter import FILTERS, EventFilter
from auditsaas.events.filter.fields import in_sentence
from auditsaas.events.filter.opening import OPENING
from auditsaas.events.reading.totals import count
from auditsaas.pages.audit_log.log_scope import LogScope, log_url

QUIET = {"today": "today"} | {
    key: f"in the {words.lower()}" for key, words in OPENING.items() if key.startswith("last")
}
"""Periods that end now, within a sentence."""
TITLES = {name: known.title for name, known in FILTERS.items()} | {"q": "Search"}


def quiet_period(chosen: EventFilter) -> str | None:
    """Return the period in words where it alone leaves out what occurred before; None elsewhere."""
    return QUIET.get(chosen.range or "") if chosen.active_fields() == ["range"] else None


def suggestion(scope: LogScope, chosen: EventFilter) -> dict[str, Any] | None:
    """Count what each field leaves out, and suggest the one to drop; None where none helps."""
    best: dict[str, Any] | None = None
    shares = scope.shares()
    for name in chosen.active_fields():
        without = chosen.without(name)
        ids = scope.chosen_ids(without.workspace)
        total = count(scope.session, ids, without, shares=shares).total
        if total and (best is None or total > best["count"]):
            words = "the range" if name == "range" else f"the {in_sentence(TITLES[name])} filter"
            url = log_url(scope, without.to_args())
            best = {"label": words, "count": total, "url": url}
    scope.show_of(shares)
    return best
