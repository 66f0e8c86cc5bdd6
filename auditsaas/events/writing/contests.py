"""Lets events that several senders call by one id, with other content, stand beside each other.

An id is made from a key of idempotency and a time, which any sender can state first. So what one
sender says under an id never keeps out what another says: the later event is stored under an id of
its own, and ``contested_events`` tells of each that the other exists. A sender who contradicts
itself is in conflict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import structs
from sqlalchemy import ARRAY, Uuid, bindparam, insert, select, text
from sqlalchemy import Row as Stored
from sqlalchemy.orm import Session

from auditsaas.db.ids import TAIL_BITS, random_tail
from auditsaas.events.event_sources import EventSource
from auditsaas.events.models import contested_events
from auditsaas.events.writing.content import (
    Content,
    Contradiction,
    content_of,
    fingerprint,
    same_content,
)
from auditsaas.events.writing.outcome import Appended, Difference
from auditsaas.events.writing.rows import COLUMNS, Row

# Those of one asked id share its instant, so PostgreSQL looks into no other month.
_OTHERS = (
    text(
        f"SELECT c.asked_id, source, {', '.join(COLUMNS)} FROM contested_events AS c"  # noqa: S608
        " JOIN events AS e ON e.workspace_id = c.workspace_id AND e.id = c.event_id"
        " WHERE c.workspace_id = :workspace AND c.asked_id = ANY (:ids)"
        " AND e.id BETWEEN :lowest AND :highest ORDER BY e.seq"
    )
    .bindparams(bindparam("ids", type_=ARRAY(Uuid)))
    .columns(asked_id=Uuid, id=Uuid)
)


class Claim(NamedTuple):
    """The content that a sender gave under an id, and the id of the event that holds it."""

    id: UUID
    source: EventSource | None
    content: Content


@dataclass(frozen=True)
class Verdict:
    """The outcome of an event that contradicts the event of its id."""

    given: Contradiction
    met: Claim
    """The event that holds its content, or where it is in conflict what its sender said first."""
    contradicted: Claim | None
    """What it differs from; None where another sender's event has its content."""
    row: Row | None = None
    """The row to store beside what it contradicts; None where nothing is to be stored."""


def settle(
    found: Iterable[Contradiction],
    source: EventSource,
    claims: Mapping[UUID, Sequence[Claim]],
) -> list[Verdict]:
    """Decide of each event in turn whether it is known, in conflict, or stored beside another.

    ``claims`` are all under each of the ids, that of the event which has the id first.
    """
    known = {asked: list(under) for asked, under in claims.items()}
    verdicts = []
    for given in found:
        under = known[given.row.id]
        met = met_claim(given.content, source, under, partial=given.partial)
        if met is None:
            row = structs.replace(given.row, id=beside(given.row.id))
            met = Claim(row.id, source, given.content)
            verdicts.append(Verdict(given, met, under[0], row))
            under.append(met)
        else:
            same = same_content(given.content, met.content, partial=given.partial)
            verdicts.append(Verdict(given, met, None if same else met))
    return verdicts


def with_verdicts(appended: Appended, verdicts: Iterable[Verdict]) -> Appended:
    """Correct the outcome of a batch by the verdicts on those of its events that need one."""
    ids, new, conflicting = list(appended.ids), list(appended.new), list(appended.conflicting)
    differences = {}
    for verdict in verdicts:
        place, differs = verdict.given.place, verdict.contradicted
        ids[place], new[place] = verdict.met.id, verdict.row is not None
        if differs is None:
            continue
        conflicting[place] = verdict.row is None
        differences[place] = Difference(
            differs.id,
            fingerprint(verdict.given.content),
            fingerprint(differs.content),
            None if verdict.row is None else verdict.row.id,
        )
    return replace(
        appended,
        ids=tuple(ids),
        new=tuple(new),
        conflicting=tuple(conflicting),
        differences=differences,
    )


def met_claim(
    content: Content, source: EventSource, claims: Sequence[Claim], *, partial: bool
) -> Claim | None:
    """Find the claim of this content by any sender, else this sender's own of other content."""
    for claim in claims:
        if same_content(content, claim.content, partial=partial):
            return claim
    return next((claim for claim in claims if claim.source == source), None)


def other_claims(
    session: Session, workspace_id: UUID, asked: Collection[UUID], rules: frozenset[str]
) -> dict[UUID, list[Claim]]:
    """Read the claims under each id besides that of the event that has it, the oldest first."""
    found: dict[UUID, list[Claim]] = defaultdict(list)
    values = {
        "workspace": workspace_id,
        "ids": list(asked),
        "lowest": _with_tail(min(asked), 0),
        "highest": _with_tail(max(asked), (1 << TAIL_BITS) - 1),
    }
    for row in session.execute(_OTHERS, values):
        found[row.asked_id].append(claim_of(row, rules))
    return found


def claim_of(row: Stored[Any], rules: frozenset[str]) -> Claim:
    return Claim(row.id, row.source, content_of(row, rules))


def note(session: Session, workspace_id: UUID, verdicts: Iterable[Verdict]) -> None:
    """Note of each event that is stored beside another which id it had asked for."""
    noted = [
        {
            "workspace_id": workspace_id,
            "asked_id": verdict.given.row.id,
            "event_id": verdict.row.id,
        }
        for verdict in verdicts
        if verdict.row is not None
    ]
    session.execute(insert(contested_events), noted)


def contested_with(session: Session, workspace_id: UUID, event_id: UUID) -> list[UUID]:
    """Read the ids of the events that other senders sent under this event's key and time."""
    mine, inside = contested_events.c, contested_events.c.workspace_id == workspace_id
    asked = session.scalar(select(mine.asked_id).where(inside, mine.event_id == event_id))
    first = asked or event_id
    stored = session.scalars(select(mine.event_id).where(inside, mine.asked_id == first)).all()
    return [other for other in (first, *sorted(stored)) if stored and other != event_id]


def beside(asked: UUID) -> UUID:
    """Make an id in the instant of ``asked`` that no sender can foresee, and so take first."""
    return _with_tail(asked, random_tail())


def _with_tail(identifier: UUID, tail: int) -> UUID:
    return UUID(int=identifier.int >> TAIL_BITS << TAIL_BITS | tail)
