"""Keeps super-admins' reasons for access, valid for an hour, and tells the workspaces they name.

A reason is given for named workspaces, or for all of them. For named ones it is recorded in each
log at once, and opens their events one by one too. One for all opens the log across workspaces.
What is then read is kept and told by ``looks`` and ``telling``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.schema import ActorInput
from auditsaas.formatting.one_line import one_line
from auditsaas.own_actions import RequestFacts
from auditsaas.own_activities import Activity
from auditsaas.platform_access.models import PlatformAccess
from auditsaas.workspaces.acting_member import SEE_OTHER
from auditsaas.workspaces.service import system_workspace

HOLDS_FOR = timedelta(hours=1)
MIN_REASON, MAX_REASON = 3, 500
ROLE = "super-admin"


@dataclass(frozen=True)
class Reasons:
    """The reasons that one super-admin gave within the last hour."""

    for_all: str | None
    asked: Mapping[UUID, str]
    """By workspace, what was said of it by name."""


@dataclass(frozen=True, kw_only=True)
class PlatformActor:
    """A super-admin and the request in which they act."""

    user_id: UUID
    actor: ActorInput
    facts: RequestFacts


def reasons_of(session: Session, user_id: UUID, now: datetime | None = None) -> Reasons:
    since = (now or datetime.now(UTC)) - HOLDS_FOR
    given = session.execute(
        select(PlatformAccess.tenant, PlatformAccess.reason)
        .where(
            PlatformAccess.user_id == user_id,
            PlatformAccess.given_at > since,
            PlatformAccess.asked,
        )
        .order_by(PlatformAccess.given_at)
    ).all()
    said = {row.tenant: row.reason for row in given}
    return Reasons(said.pop(None, None), said)


def give_reason(
    session: Session, platform_actor: PlatformActor, reason: str, workspaces: Iterable[UUID] | None
) -> None:
    """Note why ``workspaces`` are looked into, in the log of each; None means all of them.

    Raises:
        Invalid: the reason says nothing, or too much.
    """
    reason = checked_reason(reason)
    chosen = sorted(set(workspaces or ()))
    tenants: list[UUID | None] = [*chosen] or [None]
    session.add_all(
        PlatformAccess(
            user_id=platform_actor.user_id,
            tenant=tenant,
            reason=reason,
            asked=True,
            given_at=datetime.now(UTC),
        )
        for tenant in tenants
    )
    session.flush()
    tenancy.bind(Scope.of(*chosen, user=platform_actor.user_id), session)
    # What concerns all of them is kept where super-admins read it; each learns of what is shown.
    where = chosen or [system_workspace(session).id]
    own_actions.record(
        session,
        Activity.PLATFORM_ACCESS,
        workspaces=dict.fromkeys(where, ROLE),
        actor=platform_actor.actor,
        facts=platform_actor.facts,
        status_code=SEE_OTHER,
        metadata={"reason": reason, "scope": "workspace" if chosen else "every workspace"},
    )


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


def checked_reason(reason: str) -> str:
    """Write the reason on one line.

    Raises:
        Invalid: it says nothing, or too much, or holds what cannot be seen.
    """
    return one_line(reason, "A reason", MAX_REASON, least=MIN_REASON)
