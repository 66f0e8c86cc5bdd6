"""Keeps the good events of a request, and says what became of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any
from uuid import UUID

from flask import Response, request
from msgspec import structs

from auditsaas import current_request, own_actions
from auditsaas.api.access import is_recalled, key_access, note_proven, prove_key, spender_of
from auditsaas.api.answers import answer
from auditsaas.api.ingest.bodies import Parsed
from auditsaas.api.ingest.options import Options
from auditsaas.api.problems import problem
from auditsaas.events.event_sources import of_key
from auditsaas.events.schema import EventInput
from auditsaas.events.writing.append import MAX_BATCH, append
from auditsaas.events.writing.outcome import Appended
from auditsaas.events.writing.request_keys import first_arrival
from auditsaas.events.writing.sender import SenderChanged
from auditsaas.extensions import db, settings
from auditsaas.metrics import count_ingest
from auditsaas.quotas import current
from auditsaas.quotas.known import EVENTS, MIB
from auditsaas.quotas.spending import QuotaSpent
from auditsaas.workspaces.api_keys import KeyAccess


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The outcome of a request's valid events, by their index among them."""

    ids: tuple[UUID | None, ...] = ()
    """None for one that is not in the log."""
    conflicts: tuple[tuple[int, UUID], ...] = ()
    """Of each in conflict its place, and the id of the event that stands."""
    contested: tuple[tuple[int, UUID], ...] = ()
    """Of each stored beside another sender's event of its id its place, and that event's id."""
    accepted: int = 0
    duplicates: int = 0
    expired: int = 0
    """Of the accepted those that the next run of retention removes, for they are too old."""


def keep(parsed: Parsed, now: datetime, options: Options) -> Kept:
    """Append and commit; ids with other content are recorded in the same transaction.

    With ``options.strict`` one in conflict undoes the others. What a remembered key is refused, or
    may no longer send, is asked again of the key as it is.
    """
    if options.key is not None:
        prove_key()
    try:
        return _keep(parsed, now, options)
    except (QuotaSpent, SenderChanged):
        if not is_recalled():
            raise
    prove_key()
    return _keep(parsed, now, options)


def _keep(parsed: Parsed, now: datetime, options: Options) -> Kept:
    session, access = db.session(), key_access()
    with _spent(access, parsed):
        events, alone = _keyed(parsed, now, options)
        appended = _append(access, events, now, alone=alone)
    if events:
        note_proven()
    undone = bool(options.strict and appended.conflicts)
    if undone:
        session.rollback()
    differences = appended.differences
    if undone:
        differences = {place: each for place, each in differences.items() if each.beside is None}
    if differences:
        own_actions.record_differences(
            session,
            access.workspace_id,
            list(differences.values()),
            actor=own_actions.application(access.key_id, name=access.name),
            facts=current_request.facts(),
        )
    session.commit()
    kept = _kept(appended, undone=undone)
    count_ingest(
        accepted=kept.accepted,
        duplicates=kept.duplicates,
        conflicts=len(kept.conflicts),
        refused=len(parsed.refused),
    )
    return kept if undone else replace(kept, expired=_expired(events, appended, now, access))


@contextmanager
def _spent(access: KeyAccess, parsed: Parsed) -> Iterator[None]:
    """Count the request against its quotas while it is stored, and not where its key changed.

    Raises:
        QuotaSpent: there is not so much left of one of them; none is counted.
    """
    spender, size = spender_of(access), len(request.get_data())
    current.spend(EVENTS, spender, len(parsed))
    try:
        current.spend(MIB, spender, size)
    except QuotaSpent:
        current.note(EVENTS, spender, -len(parsed))
        raise
    try:
        yield
    except SenderChanged:
        current.note(EVENTS, spender, -len(parsed))
        current.note(MIB, spender, -size)
        raise


def ingested(parsed: Parsed, kept: Kept) -> Response:
    """Answer a batch: 201 where any event was stored, 200 where all were stored before."""
    result = _account(parsed, kept)
    if not parsed.events:
        return problem(422, "Invalid input", "Every event was refused.", **result)
    if kept.conflicts and not kept.accepted:
        words = "Nothing was stored: the same sender gave other content under these keys and times."
        return problem(409, "Other content", words, **result)
    return answer(result, 201 if kept.accepted else 200)


def refused_whole(parsed: Parsed) -> Response:
    """Answer a request that wants all or nothing and holds a bad event."""
    count_ingest(accepted=0, duplicates=0, conflicts=0, refused=len(parsed))
    words = "An event was refused, and with strict=true all are. Nothing was stored."
    none = Kept(ids=(None,) * len(parsed.events))
    return problem(422, "Invalid input", words, **_account(parsed, none))


def _account(parsed: Parsed, kept: Kept) -> dict[str, Any]:
    """Build the outcome of each event, by its index in the request."""
    places = list(parsed.events)
    ids: list[UUID | None] = [None] * len(parsed)
    for index, identifier in zip(places, kept.ids, strict=True):
        ids[index] = identifier
    return {
        "accepted": kept.accepted,
        "duplicates": kept.duplicates,
        "conflicts": [{"index": places[place], "id": stands} for place, stands in kept.conflicts],
        "contested": [{"index": places[place], "id": other} for place, other in kept.contested],
        "expired": kept.expired,
        "rejected": [
            {"index": index, "errors": refusal.errors} for index, refusal in parsed.refused.items()
        ],
        "ids": ids,
    }


def _kept(appended: Appended, *, undone: bool) -> Kept:
    outcomes = list(zip(appended.ids, appended.new, appended.conflicting, strict=True))
    return Kept(
        ids=tuple(
            None if differs or (is_new and undone) else identifier
            for identifier, is_new, differs in outcomes
        ),
        conflicts=tuple(
            (place, identifier)
            for place, (identifier, _, differs) in enumerate(outcomes)
            if differs
        ),
        contested=()
        if undone
        else tuple(
            (place, each.id)
            for place, each in appended.differences.items()
            if each.beside is not None
        ),
        accepted=0 if undone else appended.accepted,
        duplicates=appended.duplicates,
    )


def _keyed(parsed: Parsed, now: datetime, options: Options) -> tuple[list[EventInput], bool]:
    """Give the events keys made from the request's own; tell whether none was stored before."""
    if options.key is None or all(event.idempotency_key for event in parsed.events.values()):
        return list(parsed.events.values()), True
    arrival, alone, access = now, True, key_access()
    if any(event.occurred_at is None for event in parsed.events.values()):
        arrival = first_arrival(
            db.session(), access.workspace_id, of_key(access.key_id), options.key, now
        )
        alone = False
    keyed = [
        event
        if event.idempotency_key
        else structs.replace(
            event,
            idempotency_key=f"{options.key}:{index}",
            occurred_at=event.occurred_at or arrival,
        )
        for index, event in parsed.events.items()
    ]
    return keyed, alone


def _append(
    access: KeyAccess, events: Sequence[EventInput], now: datetime, *, alone: bool
) -> Appended:
    """Append any number of events that a key sent, in one transaction."""
    stated = partial(
        append,
        db.session(),
        access.workspace_id,
        source=of_key(access.key_id),
        arrived_at=now,
        sender=access.sender if is_recalled() else None,
    )
    if len(events) <= MAX_BATCH:
        # A pooler gives settings to each transaction that is begun, and this begins none.
        return stated(events, alone=alone, at_once=alone and not settings().transaction_pooling)
    parts = [stated(events[at : at + MAX_BATCH]) for at in range(0, len(events), MAX_BATCH)]
    numbered = [part for part in parts if part.first_seq is not None]
    return Appended(
        tuple(chain.from_iterable(part.ids for part in parts)),
        tuple(chain.from_iterable(part.new for part in parts)),
        tuple(chain.from_iterable(part.conflicting for part in parts)),
        numbered[0].first_seq if numbered else None,
        numbered[-1].last_seq if numbered else None,
        {
            at * MAX_BATCH + place: difference
            for at, part in enumerate(parts)
            for place, difference in part.differences.items()
        },
    )


def _expired(
    events: Sequence[EventInput], appended: Appended, now: datetime, access: KeyAccess
) -> int:
    if access.kept_days is None:
        return 0
    oldest = now - timedelta(days=access.kept_days)
    return sum(
        is_new and event.occurred_at is not None and event.occurred_at < oldest
        for event, is_new in zip(events, appended.new, strict=True)
    )
