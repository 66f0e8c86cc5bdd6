"""Tells workspaces, in their own logs, what super-admins read of them.

The first look of a kind is told at once, the repeats of it in one more event when the hour is over.
Where an answer was made of very many workspaces, they are told within the minute: the look itself
is kept before the answer leaves, and nothing that serves super-admins can remove it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.own_actions import RequestFacts
from auditsaas.own_activities import Activity
from auditsaas.platform_access.looks import Looker, Noted, Question, note
from auditsaas.platform_access.models import PlatformLook
from auditsaas.platform_access.reasons import ROLE

AT_ONCE = 20
"""How many workspaces are told before the answer leaves, those that were named first of all; each
takes the lock of its log."""

HOUR = timedelta(hours=1)
KEPT_FOR = timedelta(days=1)
DUE = or_(PlatformLook.told == 0, PlatformLook.hour < func.now() - HOUR)


def note_and_tell(
    session: Session,
    looker: Looker,
    question: Question,
    shown: Mapping[UUID, int | None],
    begun: Mapping[UUID, Noted],
) -> int:
    """Note what an answer shows of workspaces, and tell them; return how many are left to tell.

    ``begun`` are those that the look was noted of before it began.
    """
    changed = {key: n for key, n in shown.items() if _is_news(n, begun.get(key))}
    noted = note(session, looker, question, changed, again=begun)
    untold = sorted(key for key, each in noted.items() if not each.told)
    first = untold if len(untold) <= AT_ONCE else [key for key in untold if key in begun][:AT_ONCE]
    tenancy.bind(Scope.of(*first, user=looker.by.user_id), session)
    tell(session, _rows(session, looker, question, first))
    return len(untold) - len(first)


def waiting(platform: Session, limit: int = 1_000) -> Sequence[UUID]:
    """Select the workspaces that have something to be told, or to be put away."""
    found = select(PlatformLook.workspace_id).where(PlatformLook.open, DUE).distinct()
    return platform.scalars(found.limit(limit)).all()


def tell_waiting(session: Session, workspace_id: UUID) -> int:
    """Tell a workspace what it was not told of; return how many events that took."""
    tenancy.bind(Scope.of(workspace_id), session)
    rows = session.scalars(
        select(PlatformLook)
        .where(PlatformLook.workspace_id == workspace_id, PlatformLook.open, DUE)
        .order_by(PlatformLook.first_at)
        .with_for_update(skip_locked=True)
        .limit(own_actions.NAMED_CONFLICTS)
    ).all()
    told = tell(session, rows)
    _put_away(session, workspace_id)
    return told


def tell(session: Session, rows: Sequence[PlatformLook]) -> int:
    """Record looks in the log of their workspace, each with how often it was taken."""
    told = 0
    for row in rows:
        if row.looks > row.told:
            _record(session, row)
            row.told = row.looks
            told += 1
        row.open = row.hour > datetime.now(UTC) - HOUR
    session.flush()
    return told


def _is_news(shown: int | None, noted: Noted | None) -> bool:
    """Tell whether the log lacks an event of as much."""
    return noted is None or not noted.told or (shown or 0) > (noted.shown or 0)


def _rows(
    session: Session, looker: Looker, question: Question, workspaces: Sequence[UUID]
) -> Sequence[PlatformLook]:
    found = select(PlatformLook).where(
        PlatformLook.workspace_id.in_(workspaces),
        PlatformLook.user_id == looker.by.user_id,
        PlatformLook.hour == looker.hour,
        PlatformLook.kind == question.kind,
        PlatformLook.query_hash == question.query_hash,
    )
    return session.scalars(found.order_by(PlatformLook.workspace_id)).all()


def _put_away(session: Session, workspace_id: UUID) -> None:
    """Remove what the log has told in full for a day."""
    session.execute(
        delete(PlatformLook).where(
            PlatformLook.workspace_id == workspace_id,
            ~PlatformLook.open,
            PlatformLook.hour < func.now() - KEPT_FOR - HOUR,
        )
    )


def _record(session: Session, row: PlatformLook) -> None:
    activity = Activity.PLATFORM_VIEW if row.reason is None else Activity.PLATFORM_ACCESS
    kept = row.request
    actor = own_actions.person(row.user_id, name=kept["name"], email=kept["email"])
    own_actions.record(
        session,
        activity,
        copied=False,  # a look may reach every workspace there is
        workspaces={row.workspace_id: ROLE},
        actor=actor,
        facts=_facts(kept),
        status_code=200,
        metadata=_metadata(row),
    )


def _metadata(row: PlatformLook) -> dict[str, Any]:
    return {
        **({"reason": row.reason} if row.reason is not None else {}),
        "scope": "every workspace" if row.every else "workspace",
        "look": row.kind,
        "filter": row.filter,
        "query": row.query,
        "shown": row.shown,
        "looks": row.looks,
        "first_at": row.first_at.astimezone(UTC).isoformat(),
        "last_at": row.last_at.astimezone(UTC).isoformat(),
    }


def _facts(kept: Mapping[str, Any]) -> RequestFacts:
    """Rebuild the facts of the first request, which began as long ago as it had taken then."""
    return RequestFacts(
        method=kept["method"],
        path=kept["path"],
        ip=kept["ip"],
        user_agent=kept["user_agent"],
        request_id=kept["request_id"],
        started=time.perf_counter() - kept["duration_ms"] / 1000,
    )
