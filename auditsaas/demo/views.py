"""Saved views for the demo's workspaces."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.saved_views import service
from auditsaas.saved_views.models import ALL_MY_WORKSPACES

VIEWS = {
    "Failed sign-ins": "status=error&activity=user.login",
    "Access changes": "activity=api_key.%2A&activity=member.%2A",
    "Slower than 3 s": "min_ms=3000",
}
"""Canonical query strings by name."""


def ensure_views(session: Session, workspaces: list[UUID], person: UUID) -> None:
    """Create the shared views of each workspace, and the person's views across all of them."""
    tenancy.bind(Scope.of(*workspaces, user=person), session)
    for place in (*workspaces, ALL_MY_WORKSPACES):
        known = {view.name for view in service.visible(session, place, person)}
        for name, query in VIEWS.items():
            if name not in known:
                service.save(
                    session,
                    place,
                    person,
                    name=name,
                    query=query,
                    shared=place != ALL_MY_WORKSPACES,
                    default=False,
                )
