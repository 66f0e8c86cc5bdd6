"""Records super-admins' reasons for access, valid for an hour, in the workspace's own log.

A reason is given for named workspaces, or for all of them. For named ones it is recorded in each
log at once, and opens their events one by one too. One for all opens the log across workspaces, and
is recorded in each workspace when something of it is first shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.errors import Invalid
from auditsaas.events.schema import ActorInput
from auditsaas.own_actions import Activity, RequestFacts
from auditsaas.workspaces.acting_member import SEE_OTHER
from auditsaas.workspaces.models import PlatformAccess
from auditsaas.workspaces.service import SYSTEM_WORKSPACE_ID, system_workspace

HOLDS_FOR = timedelta(hours=1)
MIN_REASON, MAX_REASON = 3, 500
ROLE = "super-admin"


@dataclass(frozen=True)
class Reasons:
    """What one super-admin has said within the last hour."""

    for_all: str | None
    asked: frozenset[UUID]
    """Workspaces that a reason was given for by name."""
    known: frozenset[UUID]
    """Workspaces whose log tells of it already."""


@dataclass(frozen=True, kw_only=True)
class PlatformActor:
    """A super-admin and the request in which they act."""

    user_id: UUID
    actor: ActorInput
    facts: RequestFacts


def reasons_of(session: Session, user_id: UUID, now: datetime | None = None) -> Reasons:
    since = (now or datetime.now(UTC)) - HOLDS_FOR
    given = session.execute(
        select(PlatformAccess.tenant, PlatformAccess.asked, PlatformAccess.reason)
        .where(PlatformAccess.user_id == user_id, PlatformAccess.given_at > since)
        .order_by(PlatformAccess.given_at)
    ).all()
    return Reasons(
        next((row.reason for row in reversed(given) if row.tenant is None), None),
        frozenset(row.tenant for row in given if row.tenant is not None and row.asked),
        frozenset(row.tenant for row in given if row.tenant is not None),
    )


def give_reason(
    session: Session, platform_actor: PlatformActor, reason: str, workspaces: Iterable[UUID] | None
) -> None:
    """Note why ``workspaces`` are looked into, in the log of each; None means all of them.

    Raises:
        Invalid: the reason says nothing, or too much.
    """
    reason = " ".join(reason.split())
    if not MIN_REASON <= len(reason) <= MAX_REASON or not reason.isprintable():
        raise Invalid(f"A reason has {MIN_REASON} to {MAX_REASON} printable characters.")
    chosen = sorted(set(workspaces or ()))
    _note(session, platform_actor, reason, chosen or [None], asked=True)
    tenancy.bind(Scope.of(*chosen, user=platform_actor.user_id), session)
    # What concerns all of them is kept where super-admins read it; each learns of it when shown.
    where = chosen or [system_workspace(session).id]
    _record(session, platform_actor, reason, where, every=not chosen, status_code=SEE_OTHER)


def note_shown(session: Session, platform_actor: PlatformActor, workspaces: Iterable[UUID]) -> bool:
    """Record in workspaces' logs that their data was shown under a reason for all.

    Returns whether any had to be told, which is then to be committed. Binds the scope to those.
    """
    shown = set(workspaces) - {SYSTEM_WORKSPACE_ID}
    reasons = reasons_of(session, platform_actor.user_id)
    if reasons.for_all is None or shown <= reasons.known:
        return False
    # One at a time for a person, so that two fragments of a page do not both tell.
    session.execute(select(func.pg_advisory_xact_lock(platform_actor.user_id.int & (1 << 63) - 1)))
    fresh = sorted(shown - reasons_of(session, platform_actor.user_id).known)
    _note(session, platform_actor, reasons.for_all, fresh, asked=False)
    tenancy.bind(Scope.of(*fresh, user=platform_actor.user_id), session)
    _record(session, platform_actor, reasons.for_all, fresh, every=True, status_code=200)
    return True


def note_page(session: Session, platform_actor: PlatformActor) -> None:
    """Record a super-admin's page in the system workspace's log, and bind the scope to it."""
    tenancy.bind(Scope(user=platform_actor.user_id), session)
    own_actions.record(
        session,
        Activity.PLATFORM_VIEW,
        workspaces={system_workspace(session).id: ROLE},
        actor=platform_actor.actor,
        facts=platform_actor.facts,
        status_code=200,
    )


def _note(
    session: Session,
    platform_actor: PlatformActor,
    reason: str,
    tenants: Iterable[UUID | None],
    *,
    asked: bool,
) -> None:
    session.add_all(
        PlatformAccess(
            user_id=platform_actor.user_id,
            tenant=tenant,
            reason=reason,
            asked=asked,
            given_at=datetime.now(UTC),
        )
        for tenant in tenants
    )
    session.flush()


def _record(
    session: Session,
    platform_actor: PlatformActor,
    reason: str,
    workspaces: Iterable[UUID],
    *,
    every: bool,
    status_code: int,
) -> None:
    own_actions.record(
        session,
        Activity.PLATFORM_ACCESS,
        workspaces=dict.fromkeys(workspaces, ROLE),
        actor=platform_actor.actor,
        facts=platform_actor.facts,
        status_code=status_code,
        metadata={"reason": reason, "scope": "every workspace" if every else "workspace"},
    )
