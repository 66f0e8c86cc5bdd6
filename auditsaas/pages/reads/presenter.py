"""The readers of the log, as the page and the drawer show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

from sqlalchemy import Row
from werkzeug.datastructures import MultiDict

from auditsaas.access.browser import initials
from auditsaas.events.filter.event_filter import EventFilter, FilterError
from auditsaas.events.filter.period import PRESETS
from auditsaas.events.labels import capitalized, label
from auditsaas.formatting import times
from auditsaas.formatting.viewer import Viewer
from auditsaas.formatting.visible_text import visible
from auditsaas.pages.audit_log import period_words
from auditsaas.reads.history import Read

NAMED: Final = 3
"""How many opened events a line links to."""
OTHER_PARTS: Final = frozenset({"rows", "event", "feed"})


@dataclass(frozen=True)
class OpenedEvent:
    label: str
    url: str


@dataclass(frozen=True, kw_only=True)
class ShownRead:
    """One line of the table."""

    reader: str
    initials: str
    sub: str
    looked_at: str
    url: str | None
    """The log by this filter; None where it cannot be read back."""
    beside: str
    """What was read without rows, or why a super-admin looked."""
    opened: Sequence[OpenedEvent]
    more_opened: int
    pages: int | None
    rows: int | None
    opened_count: int
    first_at: datetime
    last_at: datetime

    @property
    def minutes(self) -> bool:
        """Whether it lasted long enough to say until when."""
        return (self.last_at - self.first_at).total_seconds() >= 60


def present(
    read: Read, opened: Mapping[UUID, Row[Any]], base: str, viewer: Viewer, me: UUID
) -> ShownRead:
    """Put a read into words; ``base`` is the address of the log."""
    name = read.name or read.email or read.reader
    event_filter = _filter(read, viewer)
    links = [
        OpenedEvent(label(opened[event_id].activity), f"{base}/{event_id}")
        for event_id in read.opened
        if event_id in opened
    ][:NAMED]
    return ShownRead(
        reader=visible(name),
        initials=initials(name),
        sub=_sub(read, me),
        looked_at=visible(_looked_at(read, event_filter, viewer)),
        url=None if event_filter is None else _url(base, event_filter),
        beside=visible(_beside(read)),
        opened=links,
        more_opened=len(read.opened) - len(links),
        pages=read.pages,
        rows=read.rows,
        opened_count=len(read.opened),
        first_at=read.first_at,
        last_at=read.last_at,
    )


def _filter(read: Read, viewer: Viewer) -> EventFilter | None:
    """Read the filter back; None where it was cut, or is one of super-admins' alone."""
    args = MultiDict(parse_qsl(read.query, keep_blank_values=True))
    try:
        return EventFilter.from_args(args, zone=viewer.zone, now=read.last_at)
    except FilterError:
        return None


def _url(base: str, event_filter: EventFilter) -> str:
    query = event_filter.query_string()
    return f"{base}?{query}" if query else base


def _sub(read: Read, me: UUID) -> str:
    if read.reader.startswith("api_key:"):
        return "API key"
    role = capitalized(read.role) if read.role else "No role"
    if read.from_outside:
        return f"{role}, from outside"
    return f"{role}, you" if read.reader == str(me) else role


def _looked_at(read: Read, event_filter: EventFilter | None, viewer: Viewer) -> str:
    if read.from_outside and read.words:
        return read.words
    if event_filter is None:
        return read.query
    if read.from_outside and not read.parts:
        return "Gave a reason to look in"
    words = event_filter.describe()
    if event_filter.range in PRESETS:
        period = PRESETS[event_filter.range].lower()
    else:
        period = period_words.written(event_filter.period, viewer, times.date)
    return ", ".join(part for part in (words or _without_filter(read), period) if part)


def _without_filter(read: Read) -> str:
    return "Single events" if set(read.parts) == {"event"} else "Every event"


def _beside(read: Read) -> str:
    said = []
    parts = [part for part in read.parts if part not in OTHER_PARTS]
    if not read.pages and parts:
        said.append(f"no rows, but {', '.join(parts)}")
    elif "feed" in read.parts:
        said.append("the feed")
    if read.reason:
        said.append(f"reason: “{read.reason}”")
    return " · ".join(said)
