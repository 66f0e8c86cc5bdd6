"""Begins an epoch of every log's sequence, after the database was brought back from a backup."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from auditsaas import own_actions
from auditsaas.db import tenancy
from auditsaas.db.tenancy import Scope
from auditsaas.events.maintenance import epochs
from auditsaas.events.schema import ActorInput
from auditsaas.own_activities import Activity
from auditsaas.workspaces.models import Workspace


def begin(session: Session, operator: ActorInput) -> int:
    """Begin an epoch of every log and record it there, as the owner; return of how many.

    The caller commits.
    """
    workspaces = session.scalars(select(Workspace.id).order_by(Workspace.id)).all()
    for workspace_id in workspaces:
        tenancy.bind(Scope.of(workspace_id), session)
        last = epochs.begin(session, workspace_id)
        own_actions.record(
            session,
            Activity.LOG_RESTORE,
            workspaces=[workspace_id],
            actor=operator,
            metadata={"last_seq": last},
            copied=False,
        )
    return len(workspaces)
