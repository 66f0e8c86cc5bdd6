"""Retention as tests set it."""

from __future__ import annotations

from sqlalchemy import select, update

from auditsaas.workspaces.models import Workspace
from tests.support.factories import Sessions, as_owner


def only_this_keeps_for_days(workspace: Workspace) -> None:
    """Retention is of the whole database: no other workspace is to lose events."""
    with Sessions.begin() as session:
        known = session.scalars(select(Workspace.id)).all()
    with as_owner(*known) as session:
        session.execute(update(Workspace).values(retention_days=None))
        session.get_one(Workspace, workspace.id).retention_days = 30
        session.commit()
