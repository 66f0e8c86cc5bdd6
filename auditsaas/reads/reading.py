"""A read of one log: by whom, of which filter, and what was shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import UUID

from auditsaas.events.filter.canonical import canonical
from auditsaas.events.filter.event_filter import EMPTY, EventFilter
from auditsaas.events.schema import ActorInput, TargetInput
from auditsaas.events.search.parser import Term
from auditsaas.own_activities import Activity

TELLS_NO_EVENT = "tells_no_event"
"""An execution option of statements that look at a log and give away no event: only how far it is,
or since when. They are no read of it."""

MOST_TARGETS = 20
"""How many targets an event has at most; what was opened beyond them stands in its metadata."""
MOST_OPENED = 500
"""How many opened events a read names; of more it says so."""
MOST_ADDRESSES = 20
"""How many addresses a read names; of more it says so."""
LONGEST_QUERY = 4_096
"""Of a longer filter the beginning is kept; reads of it are still told apart by all of it."""

_NO_READS = Term(True, "activity", (Activity.LOG_READ.value,), "=", 0, 0)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A person or a key, as known when the log was read; ``id`` is their actor's."""

    id: str
    name: str | None = None
    email: str | None = None

    @property
    def actor(self) -> ActorInput:
        return ActorInput(id=self.id, name=self.name, email=self.email)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One answer that was made of a workspace's log."""

    workspace_id: UUID
    reader: Reader
    role: str | None = None
    filter: EventFilter = EMPTY
    part: str
    """Which part of the log answered, such as ``rows``, ``count`` or ``event``."""
    pages: int = 0
    rows: int = 0
    opened: UUID | None = None
    address: str | None = None

    @property
    def whole_query(self) -> str:
        """The filter in its canonical form, which names no workspace."""
        return _canonical_query(self.filter)


@lru_cache(maxsize=1024)
def _canonical_query(event_filter: EventFilter) -> str:
    return canonical(event_filter).query_string()


def shortened(query: str) -> str:
    return query if len(query) <= LONGEST_QUERY else f"{query[: LONGEST_QUERY - 1]}…"


def hashed(query: str) -> bytes:
    return sha256(query.encode()).digest()


def without_reads(event_filter: EventFilter) -> EventFilter:
    """Leave reads of the log out of what is new in it, unless the filter asks by activity."""
    if event_filter.activity or any(term.key == "activity" for term in event_filter.terms):
        return event_filter
    return replace(event_filter, terms=(*event_filter.terms, _NO_READS))


def targets_of(opened: Sequence[UUID]) -> list[TargetInput]:
    """Return the events that were opened, as targets of the read."""
    return [TargetInput(type="event", id=str(event_id)) for event_id in opened[:MOST_TARGETS]]


def metadata_of(
    *, query: str, pages: int, rows: int, parts: Sequence[str], opened: Sequence[UUID] = ()
) -> dict[str, Any]:
    """Build the metadata of a ``log.read`` for one or many reads of the same filter."""
    metadata: dict[str, Any] = {
        "query": query,
        "pages": pages,
        "rows_shown": rows,
        "opened": min(len(opened), MOST_OPENED),
        "parts": list(parts),
        "export": False,
    }
    more = opened[MOST_TARGETS:MOST_OPENED]
    if more:
        metadata["also_opened"] = list(map(str, more))
    if len(opened) > MOST_OPENED:
        metadata["more_opened"] = True
    return metadata
