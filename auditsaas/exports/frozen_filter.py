"""An export's filter, as it was when the export was asked for."""

from __future__ import annotations

from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.events.filter.period import PRESETS, TimeRange
from auditsaas.exports.models import Export


def pinned_query(event_filter: EventFilter) -> str:
    """Return the filter to store: dates as instants, presets as they are."""
    if event_filter.range in PRESETS:
        return event_filter.query_string()
    return event_filter.with_period(event_filter.period).query_string()


def asked_filter(export: Export) -> EventFilter:
    """Return the filter as it was chosen, a preset still being one."""
    return EventFilter.from_args(
        MultiDict(parse_qsl(export.query)), zone=ZoneInfo(export.time_zone), now=export.created_at
    )


def pinned_filter(export: Export) -> EventFilter:
    """Return the filter with the bounds that were fixed."""
    return asked_filter(export).with_period(TimeRange(export.starts_at, export.ends_at))
