"""Words a filter as the query of a proof: what of it a stranger can check, and what he cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from auditsaas.events.filter.canonical import canonical
from auditsaas.events.filter.event_filter import FILTERS, EventFilter
from auditsaas.events.filter.written import AsWritten
from auditsaas.evidence.format.leaf import micros_of

WORDS: Final = {
    "q": "words and terms of the search",
    "user": "users by name, or by ids and addresses together",
    "browser": "the browser",
    "min_ms": "the response time",
    "max_ms": "the response time",
}
"""What no proof answers, as a person reads it."""
FROM: Final = "from"
TO: Final = "to"


@dataclass(frozen=True)
class Question:
    """The filter of an export with proof, in the words of a proof's head."""

    query: dict[str, Any]
    unproven: tuple[str, ...]
    """What of it the proof cannot answer, in words; then it proves no completeness."""

    @property
    def first_moment(self) -> int | None:
        """The start of the range in µs since 1970."""
        moment: int | None = self.query.get(FROM)
        return moment

    def covers(self, moment: int) -> bool:
        """Tell whether a time in µs since 1970 is in the range."""
        query = self.query
        return (FROM not in query or query[FROM] <= moment) and (
            TO not in query or moment < query[TO]
        )


def provable(event_filter: EventFilter) -> EventFilter:
    """Return the filter in its one spelling: terms of the search that a filter can say are one."""
    return canonical(event_filter)


def question(event_filter: EventFilter) -> Question:
    """Word a ``provable`` filter that means people as they were written."""
    query: dict[str, Any] = {}
    period = event_filter.period
    for name, moment in ((FROM, period.start), (TO, period.end)):
        if moment is not None:
            query[name] = micros_of(moment)
    for name in FILTERS:
        value = getattr(event_filter, name)
        if value not in ((), None):
            query[_name_of(name, event_filter)] = list(value) if FILTERS[name].several else value
    if event_filter.q:
        query["q"] = event_filter.q
    unproven = [WORDS[name] for name in query if name in WORDS]
    return Question(query, tuple(dict.fromkeys(unproven)))


def _name_of(name: str, event_filter: EventFilter) -> str:
    meant = event_filter.as_written or AsWritten()
    return meant.user if name == "user" and meant.user else name
