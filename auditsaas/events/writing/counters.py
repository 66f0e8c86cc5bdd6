"""Computes a batch's additions to the rollups and to the actors.

It is added up here and not from the rows that were stored, for PostgreSQL would do so while it
holds the log's lock. So it holds only where the whole batch is stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from psycopg.types.json import Json

from auditsaas.events.writing.rows import Row, as_json

HOUR_SECONDS = 3600


class Counted(Struct, gc=False):
    """So many events of one kind in one hour; the hour is given in seconds since 1970."""

    hour: int
    activity: str
    method: str
    status: str
    n: int


class Seen(Struct, omit_defaults=True, gc=False):
    """An actor's name, role and status by the newest event of the batch."""

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


def additions(rows: Sequence[Row]) -> dict[str, Json]:
    """Compute the counts, actors and addresses of a batch, by name of the parameter."""
    kinds = []
    newest: dict[str, Row] = {}
    addresses: set[tuple[str, str]] = set()
    for row in rows:
        actor, occurred_at = row.actor_id, row.occurred_at
        hour = int(occurred_at.timestamp()) // HOUR_SECONDS
        kinds.append((hour, row.activity, row.method or "", row.status))
        known = newest.get(actor)
        if known is None or occurred_at >= known.occurred_at:
            newest[actor] = row
        if row.actor_email is not None:
            addresses.add((row.actor_email, actor))
    counts = [
        Counted(hour * HOUR_SECONDS, activity, method, status, n)
        for (hour, activity, method, status), n in Counter(kinds).items()
    ]
    return {
        "counts": as_json(counts),
        "actors": as_json([_seen(row) for row in newest.values()]),
        "addresses": as_json([Address(*address) for address in addresses]),
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
