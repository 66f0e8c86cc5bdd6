"""Finds single events by their id, their number, or the id of their request."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from auditsaas.events.filter.reader import ALL_TIME
from auditsaas.events.reading import lookup
from auditsaas.pages.go_to.asked import Asked
from auditsaas.pages.go_to.hits import Hit
from auditsaas.permissions import Permission

NUMBER: Final = re.compile(r"#?(\d{1,3}(?:,\d{3})+|\d{1,18})", re.ASCII)
REQUEST: Final = re.compile(r"(?=\S*\d)\S{6,128}")
"""A word that may be a request's id."""


def named(asked: Asked) -> list[Hit]:
    """Find the events that have the words for their id or number, one in each log."""
    logs = asked.holding(Permission.LOG_READ)
    if event_id := _uuid(asked.words):
        rows = lookup.by_id(asked.session, list(asked.logs()), event_id)
    elif number := NUMBER.fullmatch(asked.words):
        seq = int(number[1].replace(",", ""))
        rows = lookup.by_number(asked.session, list(asked.logs()), seq)
    else:
        return []
    return [
        Hit(
            title=f"Event {row.seq:,}",
            url=f"/w/{logs[row.workspace_id].slug}/audit-logs/{row.id}",
            icon="search",
            beside=str(row.id),
            where=asked.name(logs[row.workspace_id]),
        )
        for row in rows
    ]


def of_request(asked: Asked) -> Hit | None:
    """Offer the events of a request, where the words may be its id; the log is not asked."""
    if not may_be_request(asked):
        return None
    return Hit(
        title=f"Events of the request {asked.words}",
        url=_filtered(asked, lookup.of_request_query(asked.words)),
        icon="search",
        where="All time",
    )


def at_once(asked: Asked) -> str | None:
    """Return the address of what the words name alone: an event, or the events of a request."""
    events = named(asked)
    if len(events) == 1:
        return events[0].url
    if events or not may_be_request(asked):
        return None
    logs = asked.logs()
    rows = lookup.of_request(asked.session, list(logs), asked.words)
    if len(rows) == 1:
        return f"/w/{logs[rows[0].workspace_id].slug}/audit-logs/{rows[0].id}"
    return _filtered(asked, lookup.of_request_query(asked.words)) if rows else None


def may_be_request(asked: Asked) -> bool:
    held = bool(asked.holding(Permission.LOG_READ))
    return held and REQUEST.fullmatch(asked.words) is not None


def _filtered(asked: Asked, query: str) -> str:
    return f"{asked.place.base}/audit-logs?{urlencode({'q': query, 'range': ALL_TIME})}"


def _uuid(words: str) -> UUID | None:
    try:
        return UUID(words) if len(words) in (32, 36) else None
    except ValueError:
        return None
