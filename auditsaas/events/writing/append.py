"""Appends events to the log: identified, numbered and counted in one transaction.

Appending takes the lock of the workspace's head, so appends to one workspace take turns: what is
already there is dropped, the rest is numbered without a gap, stored, counted by hour and by day,
and the actors' present names are noted, all in the caller's transaction. Parsing, hashing and
encoding happen before the lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import Row as Stored
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from auditsaas.events.event_sources import PRODUCT, EventSource
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
from auditsaas.events.writing.counters import additions
from auditsaas.events.writing.identity import first_places, identify
from auditsaas.events.writing.outcome import NOTHING, Appended
from auditsaas.events.writing.rows import Row, encoded, row_of
from auditsaas.events.writing.sql import LOCK_HEAD, SAVE, STORE, STORE_IF_NEW, THERE_ALREADY, UNDO
from auditsaas.metrics import APPEND_LOCK_WAIT

MAX_BATCH = 1000


class UnknownWorkspace(LookupError):
    """The workspace has no log head, or the session's scope does not hold it."""


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

    Raises:
        UnknownWorkspace: there is no such log in the session's scope.
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
    batch = _Batch(workspace_id, source, rows)
    head, fresh, standing = _store(session, batch, keyed=keyed, alone=alone)
    new = [False] * len(events)
    for index in range(len(rows)) if fresh is None else fresh:
        new[places[index]] = True
    appended = _appended([identifier for _, identifier in identified], new, head)
    if all(new):
        return appended
    rules = frozenset(_redactions.get(workspace_id, ()))
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
    batch: _Batch,
    appended: Appended,
    found: Sequence[Contradiction],
    claims: Mapping[UUID, Claim],
) -> Appended:
    """Store beside other senders' events what contradicts them, still under the head's lock."""
    rules = _redactions.get(batch.workspace_id, [])
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


@dataclass(frozen=True)
class _Batch:
    """Rows to append to one log, all from one source."""

    workspace_id: UUID
    source: EventSource
    rows: list[Row]

    def values(self, rules: list[str]) -> dict[str, Any]:
        """Build the parameters of the store statement under these rules of redaction."""
        return {
            "workspace": self.workspace_id,
            "source": self.source,
            "rules": rules,
            # What the product itself records is whole: no setting hides who changed it.
            "rows": encoded(self.rows, [] if self.source == PRODUCT else rules),
            "size": len(self.rows),
            **additions(self.rows),
        }


def _store(
    session: Session, batch: _Batch, *, keyed: bool, alone: bool
) -> tuple[int, list[int] | None, Sequence[Stored[Any]]]:
    """Store what is new under the head's lock.

    Returns the last sequence number before, the indexes of the rows that were stored, in order
    (None where all were), and the rows that stand in the place of the others.
    """
    values = batch.values(_redactions.get(batch.workspace_id, []))
    # Nearly every batch is wholly new, and is locked for, numbered and stored in one step, for
    # while the lock is held all others wait. One that is not is undone and sorted out; of a single
    # event there is nothing to undo.
    head, stored, waited = 0, 0, 0.0
    if not keyed:
        head, stored, waited = session.execute(STORE, values).one()
    elif len(batch.rows) == 1:
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
    if stored < len(batch.rows):
        return _sort_out(session, batch)
    APPEND_LOCK_WAIT.observe(waited)
    return head, None, ()


def _sort_out(
    session: Session, batch: _Batch
) -> tuple[int, list[int] | None, Sequence[Stored[Any]]]:
    """Store the new rows under the workspace's current redaction rules."""
    workspace_id, rows = batch.workspace_id, batch.rows
    with APPEND_LOCK_WAIT.time():
        found = session.execute(LOCK_HEAD, {"workspace": workspace_id}).one_or_none()
    if found is None:
        raise UnknownWorkspace(str(workspace_id))
    rules = _redactions[workspace_id] = found.redacted_keys or []
    standing = there_already(session, workspace_id, [row.id for row in rows])
    there = {row.id.int for row in standing}
    fresh = [place for place, row in enumerate(rows) if row.id.int not in there]
    if fresh:
        new = replace(batch, rows=[rows[place] for place in fresh])
        session.execute(STORE, new.values(rules))
    return found.seq, fresh, standing


def there_already(
    session: Session, workspace_id: UUID, ids: Sequence[UUID]
) -> Sequence[Stored[Any]]:
    """Read the stored rows of those of ``ids`` (at least one) that the log holds."""
    bounds = {"lowest": min(ids, key=_number), "highest": max(ids, key=_number)}
    asked = {"workspace": workspace_id, "ids": list(ids)} | bounds
    return session.execute(THERE_ALREADY, asked).all()


_redactions: dict[UUID, list[str]] = {}
"""The keys each workspace redacts, as this process met them last. The head, once locked, refuses
rows made by others; so they cost no query, and a new rule holds from the very next append."""


_number = attrgetter("int")
