"""The one way into the log.

Appending takes the lock of the workspace's head, so appends to one workspace take turns: what is
already there is dropped, the rest is numbered without a gap, stored, counted by hour and by day,
and the actors' present names are noted, all in the caller's transaction. Parsing, hashing and
encoding happen before the lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from operator import attrgetter
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct, structs
from sqlalchemy import Uuid, text
from sqlalchemy.orm import Session

from auditsaas.events.redaction import redacted, redacted_changes
from auditsaas.events.schema import EventInput, TargetInput, normal_address
from auditsaas.events.useragent import derive
from auditsaas.ids import (
    SUB_MILLISECOND_STEPS,
    TAIL_BITS,
    milliseconds_since_epoch,
    random_tail,
    uuid7,
)

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
) -> Appended:
    """Append ``events`` (at most 1,000) to a workspace's log, in the session's transaction.

    ``orders`` gives, for a source that knows no fraction of a second, the place of each event
    among those of the same instant; it becomes part of the id, so a file keeps its order.
    ``ids`` gives events that have been in a log before the ids they had there, which must hold
    their time; like one with a key, such an event is stored once.

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
    head, fresh = _store(session, workspace_id, rows, keyed=keyed)
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
    """Gives each event of one batch its time and id (ARCHITECTURE, decision 2)."""

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
        return int.from_bytes(digest[:8], "big") >> (64 - TAIL_BITS)


class Row(Struct, omit_defaults=True, gc=False):
    """A row of the log as the database is given it; what is None is left out."""

    id: UUID
    occurred_at: datetime
    activity: str
    status: str
    actor_id: str
    actor_name: str | None
    actor_email: str | None
    actor_role: str | None
    actor_status: str | None
    platform: str
    browser: str
    method: str | None = None
    path: str | None = None
    status_code: int | None = None
    ip: str | None = None
    user_agent: str | None = None
    duration_ms: float | None = None
    request_id: str | None = None
    targets: list[TargetInput] | None = None
    changes: dict[str, list[Any]] | None = None
    metadata: dict[str, Any] | None = None
    idempotency_key: str | None = None


def row_of(event: EventInput, occurred_at: datetime, identifier: UUID) -> Row:
    actor = event.actor
    platform, browser = derive(event.user_agent)
    return Row(
        identifier,
        occurred_at,
        event.activity,
        event.status,
        actor.id,
        actor.name,
        actor.email,
        actor.role,
        actor.status,
        platform,
        browser,
        event.method,
        event.path,
        event.status_code,
        None if event.ip is None else normal_address(event.ip),
        event.user_agent,
        event.duration_ms,
        event.request_id,
        event.targets or None,
        event.changes or None,
        event.metadata or None,
        event.idempotency_key,
    )


def _store(
    session: Session, workspace_id: UUID, rows: list[Row], *, keyed: bool
) -> tuple[int, list[int] | None]:
    """Store what is new under the head's lock.

    Returns the last sequence number before, and the indexes of the rows that were stored, in
    order; None where all were.
    """
    rules = _redactions.get(workspace_id, [])
    values: dict[str, Any] = {
        "workspace": workspace_id,
        "rows": _encoded(rows, rules),
        "rules": rules,
    }
    # Nearly every batch is wholly new, and is locked for, numbered and stored in one step, for
    # while the lock is held all others wait. One that is not is undone and sorted out; of a single
    # event there is nothing to undo.
    if keyed and len(rows) > 1:
        session.execute(SAVE)
    head, stored = session.execute(STORE_IF_NEW if keyed else STORE, values).one()
    if stored == len(rows):
        return head, None
    if keyed and len(rows) > 1:
        session.execute(UNDO)
    return _sort_out(session, rows, values)


def _sort_out(
    session: Session, rows: list[Row], values: dict[str, Any]
) -> tuple[int, list[int] | None]:
    """Store those rows that are new, by the rules that hold now."""
    workspace_id: UUID = values["workspace"]
    found = session.execute(LOCK_HEAD, {"workspace": workspace_id}).one_or_none()
    if found is None:
        raise UnknownWorkspace(str(workspace_id))
    head, rules = found.seq, found.redacted_keys or []
    _redactions[workspace_id] = rules
    values |= {"rows": _encoded(rows, rules), "rules": rules}
    ids = [row.id for row in rows]
    bounds = {"lowest": min(ids, key=_number), "highest": max(ids, key=_number)}
    session.execute(STORE_NEW_ONES, values | bounds)
    fresh = session.scalars(NEWEST, {"workspace": workspace_id, "head": head})
    places = {row.id.int: index for index, row in enumerate(rows)}
    return head, [places[identifier.int] for identifier in fresh]


_redactions: dict[UUID, list[str]] = {}
"""The keys each workspace redacts, as this process met them last. The head, once locked, refuses
rows made by others; so they cost no query, and a new rule holds from the very next append."""


def _encoded(rows: list[Row], rules: list[str]) -> str:
    if rules:
        keys = frozenset(rules)
        rows = [
            structs.replace(
                row,
                metadata=redacted(row.metadata, keys),
                changes=row.changes and redacted_changes(row.changes, keys),
            )
            if row.metadata or row.changes
            else row
            for row in rows
        ]
    return msgspec.json.encode(rows).decode()


_number = attrgetter("int")

LOCK_HEAD = text(
    "SELECT seq, redacted_keys FROM log_heads WHERE workspace_id = :workspace FOR UPDATE"
)

_COLUMNS = """occurred_at, activity, status, actor_id, actor_name, actor_email, actor_role,
    actor_status, method, path, status_code, ip, user_agent, platform, browser, duration_ms,
    request_id, targets, changes, metadata, idempotency_key"""

_NOT_THERE_YET = """WHERE NOT EXISTS (
        SELECT FROM events AS e
        WHERE e.workspace_id = :workspace AND e.id = i.id AND e.id BETWEEN :lowest AND :highest)"""


def _store_sql(*, number: str = "ordinality", only: str = "") -> str:
    # Only constants of this module are put together; every value is a parameter.
    return f"""
WITH head AS MATERIALIZED (
    SELECT seq AS last, last_received_at FROM log_heads
    WHERE workspace_id = :workspace
    AND coalesce(redacted_keys, '{{}}') = CAST(:rules AS text[])
    FOR UPDATE
), locked AS MATERIALIZED (
    SELECT last, greatest(clock_timestamp(), last_received_at) AS received_at FROM head
), stored AS (
    INSERT INTO events (workspace_id, id, seq, received_at, {_COLUMNS})
    SELECT :workspace, id, last + {number}, received_at, {_COLUMNS}
    FROM locked, ROWS FROM (json_to_recordset(CAST(:rows AS json)) AS (
        id uuid, occurred_at timestamptz, activity text, status text, actor_id text,
        actor_name text, actor_email text, actor_role text, actor_status text, method text,
        path text, status_code smallint, ip inet, user_agent text, platform text, browser text,
        duration_ms double precision, request_id text, targets json, changes json, metadata json,
        idempotency_key text)) WITH ORDINALITY AS i
    {only}
    RETURNING seq, occurred_at, activity, status, method,
        actor_id, actor_name, actor_email, actor_role, actor_status
), hours AS (
    SELECT date_trunc('hour', occurred_at, 'UTC') AS hour, activity, coalesce(method, '') AS method,
        status, count(*) AS n
    FROM stored GROUP BY 1, 2, 3, 4
), counted AS (
    INSERT INTO event_counts AS c (workspace_id, hour, activity, method, status, n)
    SELECT :workspace, hour, activity, method, status, n FROM hours
    ON CONFLICT (workspace_id, hour, activity, method, status) DO UPDATE SET n = c.n + EXCLUDED.n
), counted_days AS (
    INSERT INTO event_days AS d (workspace_id, day, activity, method, status, n)
    SELECT :workspace, date_trunc('day', hour, 'UTC'), activity, method, status, sum(n)
    FROM hours GROUP BY 2, 3, 4, 5
    ON CONFLICT (workspace_id, day, activity, method, status) DO UPDATE SET n = d.n + EXCLUDED.n
), seen AS (
    INSERT INTO actors AS a (workspace_id, id, name, email, role, status, as_of)
    SELECT DISTINCT ON (actor_id) :workspace, actor_id, actor_name, actor_email, actor_role,
        actor_status, occurred_at
    FROM stored ORDER BY actor_id, occurred_at DESC, seq DESC
    ON CONFLICT (workspace_id, id) DO UPDATE SET
        name = coalesce(EXCLUDED.name, a.name), email = coalesce(EXCLUDED.email, a.email),
        role = coalesce(EXCLUDED.role, a.role), status = coalesce(EXCLUDED.status, a.status),
        as_of = EXCLUDED.as_of
    WHERE EXCLUDED.as_of >= a.as_of AND (
        EXCLUDED.as_of > a.as_of + interval '1 minute'
        OR (coalesce(EXCLUDED.name, a.name), coalesce(EXCLUDED.email, a.email),
            coalesce(EXCLUDED.role, a.role), coalesce(EXCLUDED.status, a.status))
           IS DISTINCT FROM (a.name, a.email, a.role, a.status))
), addresses AS (
    INSERT INTO actor_emails (workspace_id, email, actor_id)
    SELECT DISTINCT :workspace, lower(actor_email), actor_id FROM stored
    WHERE actor_email IS NOT NULL
    ON CONFLICT DO NOTHING
), moved AS (
    UPDATE log_heads SET seq = seq + (SELECT count(*) FROM stored),
        days_counted = days_counted + (SELECT count(*) FROM stored),
        last_received_at = (SELECT received_at FROM locked)
    WHERE workspace_id = :workspace AND EXISTS (SELECT FROM locked)
)
SELECT (SELECT last FROM locked) AS head, count(*) AS stored FROM stored
"""  # noqa: S608


STORE = text(_store_sql())
STORE_IF_NEW = text(_store_sql(only="ON CONFLICT (workspace_id, id) DO NOTHING"))
STORE_NEW_ONES = text(
    _store_sql(number="row_number() OVER (ORDER BY ordinality)", only=_NOT_THERE_YET)
)
NEWEST = text(
    "SELECT id FROM events WHERE workspace_id = :workspace AND seq > :head ORDER BY seq"
).columns(id=Uuid)
SAVE, UNDO = text("SAVEPOINT before_append"), text("ROLLBACK TO SAVEPOINT before_append")
