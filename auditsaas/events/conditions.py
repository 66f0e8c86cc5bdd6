"""Builds conditions on the log's columns that an index can serve under row-level security.

They keep to leakproof operators: others are checked only after the policy, row by row.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, case, or_, true

from auditsaas.events.event_sources import IMPORT, KEY, UNRECORDED
from auditsaas.events.models import events


def matches_activity(column: ColumnElement[str], patterns: Sequence[str]) -> ColumnElement[bool]:
    """Compare an activity with a pattern, or with a prefix where the pattern ends in ``*``."""
    exact = [pattern for pattern in patterns if not pattern.endswith("*")]
    prefixes = [pattern[:-1] for pattern in patterns if pattern.endswith("*")]
    # ^@ is leakproof and turns into an index range under the C collation; LIKE does neither.
    found: list[ColumnElement[bool]] = [
        column.op("^@", is_comparison=True)(prefix) for prefix in prefixes
    ]
    if exact:
        found.append(among(column, exact))
    return or_(*found)


def among(column: ColumnElement[str], values: Sequence[str]) -> ColumnElement[bool]:
    return column == values[0] if len(values) == 1 else column.in_(list(values))


def has_status(values: Sequence[str]) -> ColumnElement[bool] | None:
    """Compare the status; None where all of them are chosen."""
    return None if len(set(values)) > 1 else events.c.status == values[0]


def is_disabled(values: Sequence[str]) -> ColumnElement[bool]:
    """Compare what an event says of its actor; nothing said is active, and so is what is not so."""
    disabled = events.c.actor_status.is_not_distinct_from("disabled")
    if len(set(values)) > 1:
        return true()
    return disabled if values[0] == "disabled" else ~disabled


def in_networks(values: Sequence[str]) -> ColumnElement[bool]:
    return or_(*map(in_network, values))


def in_network(value: str) -> ColumnElement[bool]:
    """Compare an address with a network as a range: ``<<=``, not leakproof, loses the index."""
    if "/" not in value:
        return events.c.ip == value
    network = ipaddress.ip_network(value)
    return and_(
        events.c.ip >= str(network.network_address), events.c.ip <= str(network.broadcast_address)
    )


def came_from(values: Sequence[str]) -> ColumnElement[bool]:
    """Match the sources, or what begins with one that ends in ``*``, or what has none."""
    recorded = [value for value in values if value != UNRECORDED]
    found = [matches_activity(events.c.source, recorded)] if recorded else []
    if len(recorded) < len(values):
        found.append(events.c.source.is_(None))
    return or_(*found)


def are_indexed(values: Sequence[str]) -> bool:
    """Tell whether the index of sources serves these values; it holds none of keys."""
    return not any(
        value == UNRECORDED or value.endswith("*") or value.startswith(KEY) for value in values
    )


KIND_OF_SOURCE: ColumnElement[str] = case(
    *(
        (events.c.source.op("^@", is_comparison=True)(prefix), f"{prefix}*")
        for prefix in (KEY, IMPORT)
    ),
    (events.c.source.is_(None), UNRECORDED),
    else_=events.c.source,
)
"""An event's source by its kind, as a filter writes it."""
