"""The log of the installation, for events that belong to no tenant or must outlive one's log."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import column, select, table
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.models import log_heads

SYSTEM_WORKSPACE_ID = UUID("00000000-0000-7000-8000-000000000001")
SYSTEM_SLUG = "system"

_workspaces = table("workspaces", column("id"), column("slug"), column("name"), column("time_zone"))


def admit(session: Session, *workspaces: UUID) -> Scope:
    """Add workspaces to the session's scope; return the scope before."""
    bound = session.info.get("scope")
    scope = bound if isinstance(bound, Scope) else Scope()
    tenancy.bind(Scope.of(*scope.workspaces, *workspaces, user=scope.user), session)
    return scope


def ensure(session: Session) -> None:
    """Make the internal workspace where there is none; the scope must hold it."""
    found = select(_workspaces.c.id).where(_workspaces.c.id == SYSTEM_WORKSPACE_ID)
    if session.scalar(found) is not None:
        return
    row = {"id": SYSTEM_WORKSPACE_ID, "slug": SYSTEM_SLUG, "name": "System", "time_zone": "UTC"}
    session.execute(insert(_workspaces).values(row).on_conflict_do_nothing())
    head = {"workspace_id": SYSTEM_WORKSPACE_ID, "seq": 0}
    session.execute(insert(log_heads).values(head).on_conflict_do_nothing())


def name_of(session: Session, workspace_id: UUID) -> dict[str, str]:
    """Return how the log of the installation names a workspace."""
    found = select(_workspaces.c.slug, _workspaces.c.name).where(_workspaces.c.id == workspace_id)
    row = session.execute(found).one()
    return {"id": str(workspace_id), "slug": row.slug, "name": row.name}
