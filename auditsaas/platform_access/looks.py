"""Keeps what super-admins read of workspaces, one row for a kind of look, a filter and an hour.

A look is noted before its first statement, and again with what it showed before the answer leaves.
Both count up the same row, so that however often it is repeated the log tells of it twice at most.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import JSON, bindparam, text
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.filter.canonical import canonical
from auditsaas.events.filter.event_filter import EventFilter
from auditsaas.platform_access.reasons import PlatformActor

MOST_TEXT = 4_000
"""Characters of a filter that an event repeats; its hash is of all."""

COUNT_UP = text(
    """
    INSERT INTO platform_looks (workspace_id, user_id, hour, kind, query_hash, query, filter,
        reason, every, request, shown, looks, first_at, last_at)
    SELECT w.id, :user, :hour, :kind, :query_hash, :query, :filter, w.reason, :every, :request,
        w.shown, w.looks, :now, :now
    FROM unnest(CAST(:ids AS uuid[]), CAST(:reasons AS text[]), CAST(:shown AS bigint[]),
        CAST(:looks AS int[])) AS w (id, reason, shown, looks)
    ORDER BY w.id
    ON CONFLICT (workspace_id, user_id, hour, kind, query_hash) DO UPDATE
    SET looks = platform_looks.looks + excluded.looks, last_at = excluded.last_at,
        shown = greatest(platform_looks.shown, excluded.shown)
    RETURNING workspace_id, shown, told
    """
).bindparams(bindparam("request", type_=JSON))


@dataclass(frozen=True, kw_only=True)
class Question:
    """The question of a look: the kind of page, and its filter."""

    kind: str
    query: str = ""
    words: str = ""
    every: bool = False
    """Asked under a reason for every workspace."""

    def of(self, event_filter: EventFilter, beside: Mapping[str, str]) -> Question:
        """Reduce the question to its filter without workspaces: no tenant is told of another."""
        asked = canonical(event_filter)
        given = [(name, value) for name, value in beside.items() if value]
        words = [asked.describe(), *(f"{name} “{value}”" for name, value in given)]
        return replace(
            self,
            query=urlencode([*asked.to_args(), *given]),
            words=" · ".join(word for word in words if word),
        )

    @property
    def query_hash(self) -> bytes:
        return hashlib.sha256(self.query.encode()).digest()


SEARCHED = Question(kind="search", words="Searched, and nothing of it was shown", every=True)
"""What a workspace is told of all searches of an hour that found nothing in it."""


@dataclass(frozen=True, kw_only=True)
class Looker:
    """A super-admin, since when they look, and what they said why."""

    by: PlatformActor
    now: datetime
    reasons: Mapping[UUID, str]
    reason: str | None
    """The one for every workspace."""

    @property
    def hour(self) -> datetime:
        return self.now.replace(minute=0, second=0, microsecond=0)

    def reason_for(self, workspace_id: UUID) -> str | None:
        return self.reasons.get(workspace_id, self.reason)


@dataclass(frozen=True)
class Noted:
    """A look into one workspace, as far as it is stored."""

    shown: int | None
    told: int


def note(
    session: Session,
    looker: Looker,
    question: Question,
    shown: Mapping[UUID, int | None],
    again: Iterable[UUID] = (),
) -> dict[UUID, Noted]:
    """Count up the look into each workspace; binds the session to the looker's own rows.

    ``again`` are workspaces that this very look is noted of already.
    """
    if not shown:
        return {}
    ids, before = sorted(shown), frozenset(again)
    tenancy.bind(Scope(user=looker.by.user_id), session)
    rows = session.execute(
        COUNT_UP,
        {
            "user": looker.by.user_id,
            "hour": looker.hour,
            "kind": question.kind,
            "query_hash": question.query_hash,
            "query": _fitting(question.query),
            "filter": _fitting(question.words) or "Everything",
            "every": question.every,
            "request": request_of(looker.by),
            "now": datetime.now(UTC),
            "ids": ids,
            "reasons": [looker.reason_for(key) for key in ids],
            "shown": [shown[key] for key in ids],
            "looks": [int(key not in before) for key in ids],
        },
    )
    return {row.workspace_id: Noted(row.shown, row.told) for row in rows}


def request_of(by: PlatformActor) -> dict[str, Any]:
    """Keep the actor and the facts of the request."""
    facts = asdict(by.facts) | {"duration_ms": by.facts.duration_ms()}
    del facts["started"]
    return {"name": by.actor.name, "email": by.actor.email, **facts}


def _fitting(text: str) -> str:
    cut = len(text) - MOST_TEXT
    return text if cut <= 0 else f"{text[:MOST_TEXT]}… ({cut:,} characters more)"
