"""Lists people and workspaces of an installation for its operator, on the command line.

Rows are read for a number of workspaces at a time, so that no scope grows with the installation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas.accounts.models import SignInSession, User
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events import folding
from auditsaas.events.models import log_heads
from auditsaas.workspaces.members import HAS_SECOND_FACTOR
from auditsaas.workspaces.models import Membership, Workspace

AT_A_TIME = 500

USER_COLUMNS = (
    *("email", "name", "state", "super_admin", "second_factor", "workspaces", "last_seen_at"),
    "created_at",
)
WORKSPACE_COLUMNS = (
    *("slug", "name", "state", "members", "admins", "events", "retention_days", "legal_hold"),
    *("last_event_at", "created_at"),
)


def people(session: Session, words: str = "") -> list[dict[str, Any]]:
    """List the people whose name or address contains ``words``, by address."""
    seen = (
        select(func.max(SignInSession.last_seen_at))
        .where(SignInSession.user_id == User.id)
        .scalar_subquery()
    )
    found = select(User, HAS_SECOND_FACTOR, seen).order_by(User.email)
    if words:
        found = found.where(folding.contains((User.name, User.email), words))
    rows = session.execute(found).all()
    roles = _roles(session)
    return [_person(user, bool(factor), at, roles.get(user.id, {})) for user, factor, at in rows]


def workspaces(session: Session) -> list[dict[str, Any]]:
    """List all workspaces by slug, the internal one too."""
    listed = []
    for some in _some_workspaces(session):
        ids = [one.id for one in some]
        members = _members(session, ids)
        heads = session.execute(select(log_heads).where(log_heads.c.workspace_id.in_(ids)))
        logs = {row.workspace_id: row for row in heads}
        listed += [_workspace(one, *members.get(one.id, (0, 0)), logs.get(one.id)) for one in some]
    return listed


def _some_workspaces(session: Session) -> Iterator[Sequence[Workspace]]:
    """Read workspaces some at a time, each time with these in the scope."""
    found = session.scalars(select(Workspace).order_by(Workspace.slug)).all()
    for start in range(0, len(found), AT_A_TIME):
        some = found[start : start + AT_A_TIME]
        tenancy.bind(Scope.of(*(one.id for one in some)), session)
        yield some


def _members(session: Session, ids: list[UUID]) -> dict[UUID, tuple[int, int]]:
    """Count the active members and admins of each workspace."""
    rows = session.execute(
        select(
            Membership.workspace_id,
            func.count(),
            func.count().filter(Membership.role == "admin"),
        )
        .join(User, User.id == Membership.user_id)
        .where(
            Membership.workspace_id.in_(ids),
            Membership.disabled_at.is_(None),
            User.disabled_at.is_(None),
        )
        .group_by(Membership.workspace_id)
    )
    return {workspace_id: (members, admins) for workspace_id, members, admins in rows}


def _roles(session: Session) -> dict[UUID, dict[str, str]]:
    """Read each person's roles by the slugs of their workspaces."""
    roles: dict[UUID, dict[str, str]] = {}
    for some in _some_workspaces(session):
        slugs = {one.id: one.slug for one in some}
        rows = session.execute(
            select(Membership.user_id, Membership.workspace_id, Membership.role)
            .where(Membership.workspace_id.in_(slugs), Membership.disabled_at.is_(None))
            .order_by(Membership.user_id)
        )
        for user_id, workspace_id, role in rows:
            roles.setdefault(user_id, {})[slugs[workspace_id]] = role
    return roles


def _person(
    user: User, factor: bool, seen_at: datetime | None, roles: dict[str, str]
) -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "state": "active" if user.disabled_at is None else "disabled",
        "super_admin": user.is_super_admin,
        "second_factor": factor,
        "workspaces": roles,
        "last_seen_at": seen_at,
        "created_at": user.created_at,
    }


def _workspace(one: Workspace, members: int, admins: int, log: Any) -> dict[str, Any]:
    return {
        "id": one.id,
        "slug": one.slug,
        "name": one.name,
        "state": "suspended" if one.suspended_at else "active",
        "members": members,
        "admins": admins,
        "events": log.seq - log.removed if log else 0,
        "retention_days": one.retention_days,
        "legal_hold": one.legal_hold,
        "last_event_at": log.last_received_at if log else None,
        "created_at": one.created_at,
    }
