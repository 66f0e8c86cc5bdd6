"""Keeps the good events of a request, and says what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Response

from auditsaas import current_request, own_actions
from auditsaas.api.access import key_access
from auditsaas.api.answers import answer
from auditsaas.api.ingest.bodies import Parsed
from auditsaas.api.problems import problem
from auditsaas.events.writing.append import Appended, append
from auditsaas.extensions import db
from auditsaas.metrics import count_ingest


@dataclass(frozen=True)
class Kept:
    """What became of the good events of a request."""

    appended: Appended
    expired: int
    """Those stored that the next run of retention removes, for they are older than is kept."""


def keep(parsed: Parsed, now: datetime) -> Kept:
    """Append and commit; ids with other content are recorded in the same transaction."""
    events = list(parsed.events.values())
    session, access = db.session(), key_access()
    appended = append(session, access.workspace_id, events, arrived_at=now, alone=True)
    if appended.conflicts:
        own_actions.record_conflicts(
            session,
            access.workspace_id,
            appended.conflicting_ids,
            actor=own_actions.application(access.key_id, name=access.name),
            facts=current_request.facts(),
        )
    session.commit()
    count_ingest(
        accepted=appended.accepted,
        duplicates=appended.duplicates,
        conflicts=appended.conflicts,
        refused=len(parsed.refused),
    )
    return Kept(appended, _expired(parsed, appended, now, access.kept_days))


def ingested(parsed: Parsed, kept: Kept) -> Response:
    """The account of a batch: 201 where any was stored, 200 where all were there already."""
    appended = kept.appended
    ids: list[UUID | None] = [None] * len(parsed)
    conflicts = []
    for place, index in enumerate(parsed.events):
        if appended.conflicting[place]:
            conflicts.append({"index": index, "id": appended.ids[place]})
        else:
            ids[index] = appended.ids[place]
    result: dict[str, Any] = {
        "accepted": appended.accepted,
        "duplicates": appended.duplicates,
        "conflicts": conflicts,
        "expired": kept.expired,
        "rejected": [
            {"index": index, "errors": refusal.errors} for index, refusal in parsed.refused.items()
        ],
        "ids": ids,
    }
    if not parsed.events:
        return problem(422, "Invalid input", "Every event was refused.", **result)
    if conflicts and not appended.accepted:
        words = "Nothing was stored: other events have the ids of these, with other content."
        return problem(409, "Other content", words, **result)
    return answer(result, 201 if appended.accepted else 200)


def _expired(parsed: Parsed, appended: Appended, now: datetime, kept_days: int | None) -> int:
    if kept_days is None:
        return 0
    oldest = now - timedelta(days=kept_days)
    return sum(
        is_new and event.occurred_at is not None and event.occurred_at < oldest
        for event, is_new in zip(parsed.events.values(), appended.new, strict=True)
    )
