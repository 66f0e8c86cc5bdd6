"""The one way into the log.

Appending takes the lock of the workspace's head, so appends to one workspace take turns: what is
already there is dropped, the rest is numbered without a gap, stored, counted by hour and by day,
and the actors' present names are noted, all in the caller's transaction. Parsing, hashing and
encoding happen before the lock.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from operator import attrgetter
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from auditsaas.events.additions import additions
from auditsaas.events.rows import Row, encoded, row_of
from auditsaas.events.schema import EventInput
from auditsaas.events.statements import (
    LOCK_HEAD,
    SAVE,
    STORE,
    STORE_IF_NEW,
    THERE_ALREADY,
    UNDO,
)
from auditsaas.ids import (
    SUB_MILLISECOND_STEPS,
    TAIL_BITS,
    milliseconds_since_epoch,
    random_tail,
    uuid7,
)
from auditsaas.operations.instruments import APPEND_LOCK_WAIT

MAX_BATCH = 1000


@dataclass(frozen=True)
class Appended:
    """What became of a batch, in the order it was given."""

    ids: tuple[UUID, ...]
    """The id of each event, whether new or already there."""
    new: tuple[bool, ...]
    """Whether each was stored now; False for one that was there before or twice in the batch."""
    first_seq: int | None
    last_seq: int | None
    """The sequence numbers that the new events took; None when none was new."""

    @property
    def accepted(self) -> int:
        return sum(self.new)

    @property
    def duplicates(self) -> int:
        return len(self.new) - self.accepted


class UnknownWorkspace(LookupError):
    """The workspace has no log head, or the session's scope does not hold it."""


def append(
    session: Session,
    workspace_id: UUID,
    events: Sequence[EventInput],
    *,
    arrived_at: datetime | None = None,
    orders: Sequence[int | None] | None = None,
    ids: Sequence[UUID | None] | None = None,
    alone: bool = False,
) -> Appended:
    """Append ``events`` (at most 1,000) to a workspace's log, in the session's transaction.

    ``orders`` gives, for a source that knows no fraction of a second, the place of each event
    among those of the same instant; it becomes part of the id, so a file keeps its order.
    ``ids`` gives events that have been in a log before the ids they had there, which must hold
    their time; like one with a key, such an event is stored once. ``alone`` says that the
    transaction did nothing before that is to be kept: it may be begun anew.

    Raises:
        UnknownWorkspace: there is no such log in the session's scope.
        ValueError: more than 1,000 events.
    """
    if len(events) > MAX_BATCH:
        raise ValueError(f"a batch holds at most {MAX_BATCH} events, not {len(events)}")
    if not events:
        return Appended((), (), None, None)
    identify = Identifier(workspace_id, arrived_at or datetime.now(UTC))
    unknown = [None] * len(events)
    identified = [
        identify(event, order, given)
        for event, order, given in zip(events, orders or unknown, ids or unknown, strict=True)
    ]
    places = _first_places(identified)
    rows = [row_of(events[place], *identified[place]) for place in places]
    keyed = ids is not None or any(event.idempotency_key is not None for event in events)
    head, fresh = _store(session, workspace_id, rows, keyed=keyed, alone=alone)
    new = [False] * len(events)
    for index in range(len(rows)) if fresh is None else fresh:
        new[places[index]] = True
    added = len(rows) if fresh is None else len(fresh)
    return Appended(
        tuple(identifier for _, identifier in identified),
        tuple(new),
        head + 1 if added else None,
        head + added if added else None,
    )


def _first_places(identified: list[tuple[datetime, UUID]]) -> list[int]:
    """The places in the batch of the events whose id was not met before in it."""
    first: dict[int, int] = {}
    for place, (_, identifier) in enumerate(identified):
        first.setdefault(identifier.int, place)
    return list(first.values())


class Identifier:
    """Gives each event of one batch its time and id (docs/decisions/0002)."""

    def __init__(self, workspace_id: UUID, arrived_at: datetime) -> None:
        self._workspace = workspace_id.bytes
        self._arrived_at = arrived_at
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
            fraction += before
        tail = random_tail() if key is None else self._hashed(key)
        return occurred_at, uuid7(milliseconds, min(fraction, SUB_MILLISECOND_STEPS - 1), tail)

    def _hashed(self, key: str) -> int:
        digest = sha256(self._workspace + key.encode()).digest()
        first: int = _EIGHT_BYTES.unpack_from(digest)[0]
        return first >> (64 - TAIL_BITS)


_EIGHT_BYTES = struct.Struct(">Q")
"""A big-endian number; quicker than slicing the digest and ``int.from_bytes``."""


def _store(
    session: Session, workspace_id: UUID, rows: list[Row], *, keyed: bool, alone: bool
) -> tuple[int, list[int] | None]:
    """Store what is new under the head's lock.

    Returns the last sequence number before, and the indexes of the rows that were stored, in
    order; None where all were.
    """
    values = _values(workspace_id, rows, _redactions.get(workspace_id, []))
    # Nearly every batch is wholly new, and is locked for, numbered and stored in one step, for
    # while the lock is held all others wait. One that is not is undone and sorted out; of a single
    # event there is nothing to undo.
    head, stored, waited = 0, 0, 0.0
    if not keyed:
        head, stored, waited = session.execute(STORE, values).one()
    elif len(rows) == 1:
        head, stored, waited = session.execute(STORE_IF_NEW, values).one()
    else:
        if not alone:
            session.execute(SAVE)
        try:
            head, stored, waited = session.execute(STORE, values).one()
        except IntegrityError as error:
            if not isinstance(error.orig, UniqueViolation):
                raise
            if alone:
                session.rollback()
            else:
                session.execute(UNDO)
    if stored < len(rows):
        return _sort_out(session, workspace_id, rows)
    APPEND_LOCK_WAIT.observe(waited)
    return head, None


def _sort_out(
    session: Session, workspace_id: UUID, rows: list[Row]
) -> tuple[int, list[int] | None]:
    """Store those rows that are new, by the rules that hold now."""
    with APPEND_LOCK_WAIT.time():
        found = session.execute(LOCK_HEAD, {"workspace": workspace_id}).one_or_none()
    if found is None:
        raise UnknownWorkspace(str(workspace_id))
    rules = _redactions[workspace_id] = found.redacted_keys or []
    ids = [row.id for row in rows]
    bounds = {"lowest": min(ids, key=_number), "highest": max(ids, key=_number)}
    asked = {"workspace": workspace_id, "ids": ids} | bounds
    there = {identifier.int for identifier in session.scalars(THERE_ALREADY, asked)}
    fresh = [place for place, identifier in enumerate(ids) if identifier.int not in there]
    if fresh:
        new = [rows[place] for place in fresh]
        session.execute(STORE, _values(workspace_id, new, rules))
    return found.seq, fresh


_redactions: dict[UUID, list[str]] = {}
"""The keys each workspace redacts, as this process met them last. The head, once locked, refuses
rows made by others; so they cost no query, and a new rule holds from the very next append."""


def _values(workspace_id: UUID, rows: list[Row], rules: list[str]) -> dict[str, Any]:
    return {
        "workspace": workspace_id,
        "rules": rules,
        "rows": encoded(rows, rules),
        "size": len(rows),
        **additions(rows),
    }


_number = attrgetter("int")
