"""An export's filter, as it was when the export was asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import PRESETS, TimeRange


class Pinned(Protocol):
    """What an export and a claim on one have in common."""

    @property
    def query(self) -> str: ...
    @property
    def starts_at(self) -> datetime | None: ...
    @property
    def ends_at(self) -> datetime | None: ...
    @property
    def time_zone(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...


def pinned_query(event_filter: EventFilter) -> str:
    """The filter to keep: dates as instants, for only presets read the same to everyone."""
    if event_filter.range in PRESETS:
        return event_filter.query_string()
    return event_filter.with_period(event_filter.period).query_string()


def asked_filter(pinned: Pinned) -> EventFilter:
    """The filter as it was chosen, a preset still being one."""
    return EventFilter.from_args(
        MultiDict(parse_qsl(pinned.query)), zone=ZoneInfo(pinned.time_zone), now=pinned.created_at
    )


def pinned_filter(pinned: Pinned) -> EventFilter:
    """The filter with the bounds that were fixed."""
    return asked_filter(pinned).with_period(TimeRange(pinned.starts_at, pinned.ends_at))
