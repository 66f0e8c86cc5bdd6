"""Refuses more exports where so many of a workspace, person or key have not ended yet."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auditsaas.exports.kind import EXPORTS
from auditsaas.exports.models import Export
from auditsaas.exports.requester import Requester
from auditsaas.quotas.spending import refuse_more_jobs
from auditsaas.workspaces.models import Workspace
from config.settings import Settings


def refuse_more(
    session: Session, settings: Settings, workspaces: Sequence[UUID], requester: Requester
) -> None:
    """Raise QuotaSpent where one of the workspaces, or who asks there, may not ask for another."""
    found = select(Workspace.id, Workspace.quotas).where(Workspace.id.in_(workspaces))
    for workspace_id, own in session.execute(found):
        of_workspace, of_one = _unfinished(session, workspace_id, requester)
        refuse_more_jobs(settings, own, of_workspace=of_workspace, of_one=of_one, what="exports")


def _unfinished(session: Session, workspace_id: UUID, requester: Requester) -> tuple[int, int]:
    mine = (
        Export.requested_by == requester.person.id
        if requester.person is not None
        else Export.requested_by_key == (requester.key.key_id if requester.key else None)
    )
    counted = select(func.count(), func.count().filter(mine)).where(
        EXPORTS.leases.unfinished(), Export.workspace_ids.contains([workspace_id])
    )
    row = session.execute(counted).one()
    return row[0], row[1]
