"""Appends events to the log: identified, numbered and counted in one transaction.

Appending takes the lock of the workspace's head, so appends to one workspace take turns: what is
already there is dropped, the rest is numbered without a gap, stored, counted by hour and by day,
and the actors' present names are noted, all in the caller's transaction. Parsing, hashing and
encoding happen before the lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas.events.event_sources import EventSource
from auditsaas.events.schema import EventInput
from auditsaas.events.writing.content import Contradiction, content_of, contradictions
from auditsaas.events.writing.contests import (
    Claim,
    claim_of,
    note,
    other_claims,
    settle,
    with_verdicts,
)
from auditsaas.events.writing.identity import first_places, identify
from auditsaas.events.writing.outcome import NOTHING, Appended
from auditsaas.events.writing.rows import row_of
from auditsaas.events.writing.sender import Sender
from auditsaas.events.writing.sql import STORE
from auditsaas.events.writing.storing import Batch, redactions, store

MAX_BATCH = 1000


def append(
    session: Session,
    workspace_id: UUID,
    events: Sequence[EventInput],
    *,
    source: EventSource,
    arrived_at: datetime | None = None,
    orders: Sequence[int | None] | None = None,
    ids: Sequence[UUID | None] | None = None,
    alone: bool = False,
    sender: Sender | None = None,
    at_once: bool = False,
) -> Appended:
    """Append ``events`` (at most 1,000) to a workspace's log, in the session's transaction.

    ``source`` is stored with each of them; no sender has a say in it. It is no part of an event's
    content: the same event from several sources is one, of the first, while other content under
    the id of another source's event is stored beside it (``contests``).
    ``orders`` gives, for a source that knows no fraction of a second, the place of each event
    among those of the same instant; it becomes part of the id, so a file keeps its order.
    ``ids`` gives events that have been in a log before the ids they had there, which must hold
    their time; like one with a key, such an event is stored once. ``alone`` says that the
    transaction did nothing before that is to be kept: it may be begun anew. Other content under the
    id of the source's own event is stored no more than what is there already, and told apart.
    ``sender`` is the key that a process remembers, checked by the statement that stores. With
    ``at_once``, for a session that has begun no transaction, what is wholly new is stored and
    committed by one message to PostgreSQL; anything else is left to the session, as always.

    Raises:
        UnknownWorkspace: there is no such log in the session's scope.
        SenderChanged: ``sender`` is not what is remembered of it; nothing was stored.
        ValueError: more than 1,000 events.
    """
    if len(events) > MAX_BATCH:
        raise ValueError(f"a batch holds at most {MAX_BATCH} events, not {len(events)}")
    if not events:
        return NOTHING
    identified = identify(
        workspace_id, events, arrived_at=arrived_at or datetime.now(UTC), orders=orders, ids=ids
    )
    places = first_places(identified)
    rows = [row_of(events[place], *identified[place]) for place in places]
    keyed = ids is not None or any(event.idempotency_key is not None for event in events)
    batch = Batch(workspace_id, source, rows, sender)
    head, fresh, standing = store(session, batch, keyed=keyed, alone=alone, at_once=at_once)
    new = [False] * len(events)
    for index in range(len(rows)) if fresh is None else fresh:
        new[places[index]] = True
    appended = _appended([identifier for _, identifier in identified], new, head)
    if all(new):
        return appended
    rules = frozenset(redactions.get(workspace_id, ()))
    known = {identified[place][1] for place, is_new in enumerate(new) if not is_new}
    claims = {row.id: claim_of(row, rules) for row in standing}
    for row in rows:
        if row.id in known and row.id not in claims:
            claims[row.id] = Claim(row.id, source, content_of(row, rules))
    contents = {identifier: claim.content for identifier, claim in claims.items()}
    found = contradictions(events, identified, new, contents, rules, ids=ids)
    return _settle(session, batch, appended, found, claims) if found else appended


def _appended(ids: Sequence[UUID], new: Sequence[bool], head: int) -> Appended:
    """Build the outcome of a batch without contradictions, after the sequence number ``head``."""
    added = sum(new)
    return Appended(
        tuple(ids),
        tuple(new),
        (False,) * len(new),
        head + 1 if added else None,
        head + added if added else None,
    )


def _settle(
    session: Session,
    batch: Batch,
    appended: Appended,
    found: Sequence[Contradiction],
    claims: Mapping[UUID, Claim],
) -> Appended:
    """Store beside other senders' events what contradicts them, still under the head's lock."""
    rules = redactions.get(batch.workspace_id, [])
    asked = {given.row.id for given in found}
    others = other_claims(session, batch.workspace_id, asked, frozenset(rules))
    verdicts = settle(
        found, batch.source, {each: [claims[each], *others.get(each, ())] for each in asked}
    )
    rows = [verdict.row for verdict in verdicts if verdict.row is not None]
    settled = with_verdicts(appended, verdicts)
    if not rows:
        return settled
    before = session.execute(STORE, replace(batch, rows=rows).values(rules)).one().head
    note(session, batch.workspace_id, verdicts)
    first = appended.first_seq or before + 1
    return replace(settled, first_seq=first, last_seq=before + len(rows))
