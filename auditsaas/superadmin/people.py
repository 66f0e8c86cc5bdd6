"""Lists all accounts with their memberships, through the platform pool."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas.accounts.models import User
from auditsaas.events import folding
from auditsaas.workspaces.models import Membership, Workspace

PAGE_SIZE = 50


@dataclass(frozen=True)
class ShownMembership:
    workspace_id: UUID
    slug: str
    name: str
    role: str
    active: bool


@dataclass(frozen=True, kw_only=True)
class ShownUser:
    id: UUID
    name: str
    email: str
    is_super_admin: bool
    disabled_at: datetime | None
    created_at: datetime
    memberships: list[ShownMembership] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class People:
    rows: list[ShownUser]
    total: int
    more: bool


def people(session: Session, *, words: str = "", page: int = 0) -> People:
    """Read a page of the people whose name or address contains ``words``, by name."""
    found = select(
        User.id, User.name, User.email, User.is_super_admin, User.disabled_at, User.created_at
    )
    if words:
        found = found.where(folding.contains((User.name, User.email), words))
    total = session.scalar(select(func.count()).select_from(found.subquery())) or 0
    rows = session.execute(
        found.order_by(func.lower(User.name), User.id).limit(PAGE_SIZE).offset(page * PAGE_SIZE)
    ).all()
    users = {row.id: ShownUser(**row._asdict()) for row in rows}
    memberships = session.execute(
        select(
            Membership.user_id,
            Membership.workspace_id,
            Membership.role,
            Membership.disabled_at,
            Workspace.slug,
            Workspace.name,
        )
        .join(Workspace, Workspace.id == Membership.workspace_id)
        .where(Membership.user_id.in_(users))
        .order_by(func.lower(Workspace.name))
    )
    for row in memberships:
        users[row.user_id].memberships.append(
            ShownMembership(row.workspace_id, row.slug, row.name, row.role, row.disabled_at is None)
        )
    return People(rows=list(users.values()), total=total, more=total > (page + 1) * PAGE_SIZE)
