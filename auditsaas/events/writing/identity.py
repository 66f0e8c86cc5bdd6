"""The time and the id of each event of a batch: an id is made from the event's time and its key."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from auditsaas.db.ids import (
    SUB_MILLISECOND_STEPS,
    TAIL_BITS,
    milliseconds_since_epoch,
    random_tail,
    uuid7,
)
from auditsaas.events.schema import EventInput


def identify(
    workspace_id: UUID,
    events: Sequence[EventInput],
    *,
    arrived_at: datetime,
    orders: Sequence[int | None] | None = None,
    ids: Sequence[UUID | None] | None = None,
) -> list[tuple[datetime, UUID]]:
    """Compute the time and the id of each event of a batch, see ``append``."""
    identified = Identifier(workspace_id, arrived_at, len(events))
    unknown = [None] * len(events)
    return [
        identified(event, order, given)
        for event, order, given in zip(events, orders or unknown, ids or unknown, strict=True)
    ]


def first_places(identified: list[tuple[datetime, UUID]]) -> list[int]:
    """Return the places in the batch of the events whose id it holds for the first time."""
    first: dict[int, int] = {}
    for place, (_, identifier) in enumerate(identified):
        first.setdefault(identifier.int, place)
    return list(first.values())


class Identifier:
    """Gives each event of one batch its time and id (docs/decisions/0002)."""

    def __init__(self, workspace_id: UUID, arrived_at: datetime, size: int) -> None:
        self._workspace = workspace_id.bytes
        self._arrived_at = arrived_at
        # Where a millisecond nearly over still has a fraction left for every event of the batch.
        self._last_start = max(0, SUB_MILLISECOND_STEPS - size)
        self._same_instant: dict[int, int] = {}

    def __call__(
        self, event: EventInput, order: int | None, given: UUID | None = None
    ) -> tuple[datetime, UUID]:
        occurred_at = event.occurred_at or self._arrived_at
        if given is not None:
            return occurred_at, given
        milliseconds, microseconds = milliseconds_since_epoch(occurred_at)
        fraction = microseconds * SUB_MILLISECOND_STEPS // 1000
        key = event.idempotency_key
        if key is not None and order is None:
            return occurred_at, uuid7(milliseconds, fraction, self._hashed(key))
        if order is not None:
            fraction = order
        elif microseconds == 0 or event.occurred_at is None:
            before = self._same_instant.get(milliseconds, 0)
            self._same_instant[milliseconds] = before + 1
            fraction = min(fraction, self._last_start) + before
        tail = random_tail() if key is None else self._hashed(key)
        return occurred_at, uuid7(milliseconds, min(fraction, SUB_MILLISECOND_STEPS - 1), tail)

    def _hashed(self, key: str) -> int:
        digest = sha256(self._workspace + key.encode()).digest()
        first: int = _EIGHT_BYTES.unpack_from(digest)[0]
        return first >> (64 - TAIL_BITS)


_EIGHT_BYTES = struct.Struct(">Q")
"""A big-endian number; quicker than slicing the digest and ``int.from_bytes``."""
