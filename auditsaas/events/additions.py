"""What a batch adds beside its events: to the counts, and to what is known of its actors.

It is added up here and not from the rows that were stored, for PostgreSQL would do so while it
holds the log's lock. So it holds only where the whole batch is stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from auditsaas.events.rows import Row

HOUR_SECONDS = 3600


class Counted(Struct, gc=False):
    """So many events of one kind in one hour; the hour is given in seconds since 1970."""

    hour: int
    activity: str
    method: str
    status: str
    n: int


class Seen(Struct, omit_defaults=True, gc=False):
    """What the newest event of the batch says of an actor."""

    id: str
    as_of: datetime
    name: str | None = None
    email: str | None = None
    role: str | None = None
    status: str | None = None


class Address(Struct, gc=False):
    """An address that an actor was seen with."""

    email: str
    actor_id: str


def additions(rows: Sequence[Row]) -> dict[str, str]:
    """The counts, actors and addresses of a batch as JSON, by name of the parameter."""
    counts = Counter(
        [
            (
                int(row.occurred_at.timestamp()) // HOUR_SECONDS,
                row.activity,
                row.method or "",
                row.status,
            )
            for row in rows
        ]
    )
    newest: dict[str, Row] = {}
    addresses: set[tuple[str, str]] = set()
    for row in rows:
        known = newest.get(row.actor_id)
        if known is None or row.occurred_at >= known.occurred_at:
            newest[row.actor_id] = row
        if row.actor_email is not None:
            addresses.add((row.actor_email, row.actor_id))
    return {
        "counts": _encoded(
            [
                Counted(hour * HOUR_SECONDS, activity, method, status, n)
                for (hour, activity, method, status), n in counts.items()
            ]
        ),
        "actors": _encoded([_seen(row) for row in newest.values()]),
        "addresses": _encoded([Address(*address) for address in addresses]),
    }


def _seen(row: Row) -> Seen:
    return Seen(
        row.actor_id,
        row.occurred_at,
        row.actor_name,
        row.actor_email,
        row.actor_role,
        row.actor_status,
    )


def _encoded(items: Sequence[Struct]) -> str:
    return msgspec.json.encode(items).decode()
