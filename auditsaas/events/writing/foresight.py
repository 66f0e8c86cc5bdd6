"""Previews an append batch by batch, without storing events.

What the file itself would have stored by then is remembered by id and content in a temporary
database that SQLite keeps in memory while it is small, and else in a file of its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas.events.event_sources import EventSource
from auditsaas.events.schema import EventInput
from auditsaas.events.writing.content import (
    DIGEST_BYTES,
    FIELDS,
    Content,
    content_of,
    fingerprint,
    same_content,
)
from auditsaas.events.writing.contests import (
    Claim,
    beside,
    claim_of,
    met_claim,
    other_claims,
)
from auditsaas.events.writing.identity import identify
from auditsaas.events.writing.outcome import Appended, Difference
from auditsaas.events.writing.rows import row_of
from auditsaas.events.writing.sql import RULES
from auditsaas.events.writing.storing import there_already

_REMEMBER = "INSERT INTO seen VALUES (?, ?)"
_RECALL = "SELECT content FROM seen WHERE id = ?"


@contextmanager
def foresight(
    session: Session, workspace_id: UUID, now: datetime, source: EventSource
) -> Iterator[Foresight]:
    """Begin a look ahead over one file; the session's scope must hold the workspace."""
    with closing(sqlite3.connect("")) as seen:
        seen.execute("CREATE TABLE seen (id BLOB PRIMARY KEY, content BLOB) WITHOUT ROWID")
        yield Foresight(session, workspace_id, now, source, seen)


class Foresight:
    """Predicts the outcome of ``append`` for each batch, given the batches before."""

    def __init__(
        self,
        session: Session,
        workspace_id: UUID,
        now: datetime,
        source: EventSource,
        seen: sqlite3.Connection,
    ) -> None:
        self._session, self._workspace_id, self._now = session, workspace_id, now
        self._source, self._seen = source, seen

    def append(
        self,
        events: Sequence[EventInput],
        *,
        orders: Sequence[int | None],
        ids: Sequence[UUID | None] | None,
    ) -> Appended:
        """Predict the ids of a batch, which of its events are new, and which are in conflict."""
        asked = {"workspace": self._workspace_id}
        rules = frozenset(self._session.execute(RULES, asked).scalar_one_or_none() or ())
        identified = identify(
            self._workspace_id, events, arrived_at=self._now, orders=orders, ids=ids
        )
        known = [identifier for _, identifier in identified]
        claims = self._claims(known, rules)
        new, conflicting, differences = [], [], {}
        for place, event in enumerate(events):
            moment, identifier = identified[place]
            own = ids is not None and ids[place] is not None
            # A key made from the line's number cannot come again in the file.
            may_return = own or orders[place] is None
            under = claims.get(identifier, [])
            if not under and not may_return:
                new.append(True)
                conflicting.append(False)
                continue
            given = content_of(row_of(event, moment, identifier), rules)
            said = self._recalled(identifier) if may_return else None
            if said is not None:
                under = [*under, Claim(identifier, self._source, said)]
            met = met_claim(given, self._source, under, partial=own)
            if met is None and may_return:
                self._seen.execute(_REMEMBER, (identifier.bytes, b"".join(given)))
            differs = met is not None and not same_content(given, met.content, partial=own)
            if under and (met is None or differs):
                stands = met or under[0]
                differences[place] = Difference(
                    stands.id,
                    fingerprint(given),
                    fingerprint(stands.content),
                    None if differs else beside(identifier),
                )
            new.append(met is None)
            conflicting.append(differs)
        return Appended(tuple(known), tuple(new), tuple(conflicting), None, None, differences)

    def _claims(self, ids: Sequence[UUID], rules: frozenset[str]) -> dict[UUID, list[Claim]]:
        """Read what the log holds under each of the ids, the event that has it first."""
        stored = there_already(self._session, self._workspace_id, ids)
        claims = {row.id: [claim_of(row, rules)] for row in stored}
        if claims:
            others = other_claims(self._session, self._workspace_id, claims, rules)
            for asked, found in others.items():
                claims[asked] += found
        return claims

    def _recalled(self, identifier: UUID) -> Content | None:
        row = self._seen.execute(_RECALL, (identifier.bytes,)).fetchone()
        if row is None:
            return None
        return tuple(
            row[0][at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES] for at in range(len(FIELDS))
        )
